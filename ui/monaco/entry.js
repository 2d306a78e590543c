// The text editor as one module: what the screens import as `./monaco.js`.
import * as monaco from 'monaco-editor/editor';
import 'monaco-editor/features/register.all';
import 'monaco-editor/languages/features/json/register';

// Every `*.worker.js` beside this file becomes a module of its own, served
// from the same folder as this one.
self.MonacoEnvironment = {
  getWorker(_module, label) {
    const name = label === 'json' ? 'json.worker.js' : 'editor.worker.js';
    return new Worker(new URL(name, import.meta.url), { type: 'module' });
  },
};

export { monaco };
export default monaco;
