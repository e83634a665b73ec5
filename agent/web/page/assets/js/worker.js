// The worker that all windows of a browser share: it has their streams.
import { Hub } from './hub.js';

const hub = new Hub();
self.onconnect = ({ ports: [port] }) => hub.join(port);
