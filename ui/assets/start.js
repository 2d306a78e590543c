// Loads the screens. A file of its own, so that the page needs no inline script.
import init from '/pipewright-ui.js';

const { memory } = await init({ module_or_path: '/pipewright-ui_bg.wasm' });
// Who measures the studio asks how much memory the screens hold.
window.pipewrightMemory = () => memory.buffer.byteLength;
