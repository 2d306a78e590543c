// Loads the screens. A file of its own, so that the page needs no inline script.
import init from '/pipewright-ui.js';

init({ module_or_path: '/pipewright-ui_bg.wasm' });
