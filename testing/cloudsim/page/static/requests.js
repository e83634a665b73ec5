// The switch that keeps headers and bodies.
import { call } from './call.js';

const box = document.getElementById('record');
box.addEventListener('change', async () => {
  try {
    await call('POST', '/control/record', { on: box.checked });
  } catch {
    box.checked = !box.checked;
  }
});
