// Upload with progress, and removal, of upgrade packages.
import { call, show } from './call.js';

const $ = (id) => document.getElementById(id);

$('file').addEventListener('change', () => {
  const file = $('file').files[0];
  if (file && !$('asset-id').value) $('asset-id').value = file.name.replace(/\.zip$/i, '').replace(/[^A-Za-z0-9._-]/g, '-');
});

// send uses XMLHttpRequest because fetch does not tell the progress of an upload.
function send(path, file) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', path);
    request.responseType = 'json';
    request.upload.addEventListener('progress', (event) => { $('progress').value = event.loaded / (event.total || 1); });
    request.addEventListener('load', () => {
      if (request.status === 200) resolve();
      else reject(new Error((request.response && request.response.error) || `The simulator answered ${request.status}.`));
    });
    request.addEventListener('error', () => reject(new Error('The upload was interrupted.')));
    request.send(file);
  });
}

$('upload').addEventListener('submit', async (event) => {
  event.preventDefault();
  show($('upload-problem'), '');
  const file = $('file').files[0];
  const id = $('asset-id').value.trim();
  if (!file || !id) {
    show($('upload-problem'), !file ? 'Choose the file of the package.' : 'Give the package an id.');
    return;
  }
  $('progress').hidden = false;
  try {
    await send(`/control/assets/${encodeURIComponent(id)}?filename=${encodeURIComponent(file.name)}`, file);
    location.reload();
  } catch (error) {
    show($('upload-problem'), error.message);
  } finally {
    $('progress').hidden = true;
  }
});

document.addEventListener('click', async (event) => {
  const id = event.target.dataset && event.target.dataset.remove;
  if (!id || !window.confirm(`Remove the package ${id}?`)) return;
  try {
    await call('DELETE', `/control/assets/${encodeURIComponent(id)}`);
    location.reload();
  } catch (error) {
    show($('upload-problem'), error.message);
  }
});
