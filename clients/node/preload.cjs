// Stands in for the network and mends one line of the SDK; loaded with `node --require`.
//
// 1. The SDK speaks https to port 443 of a host name and nothing else. In production the name is
//    moved by DNS or a proxy (front door with its own certificate). Here connections to the names
//    in HOLDLINE_TLS_HOSTS go to HOLDLINE_TLS_PORT on loopback; name check and certificate check
//    stay on.
// 2. The receiver of whatsapp@0.0.5-Alpha gathers the body as a string and hands that string to
//    Buffer.concat, which throws on every signed POST, whoever sends it. With
//    HOLDLINE_MEND_RECEIVER=1 Buffer.concat takes a string as one chunk.
'use strict';

const tls = require('node:tls');

const hosts = (process.env.HOLDLINE_TLS_HOSTS || '').split(',').filter(Boolean);
const port = Number(process.env.HOLDLINE_TLS_PORT);
const connect = tls.connect;

tls.connect = (options, ...rest) => {
  const moved =
    typeof options === 'object' && Number(options.port) === 443 && hosts.includes(options.host);
  if (!moved) return connect(options, ...rest);
  const servername = options.servername || options.host;
  return connect({ ...options, host: '127.0.0.1', port, servername }, ...rest);
};

if (process.env.HOLDLINE_MEND_RECEIVER === '1') {
  const concat = Buffer.concat;
  Buffer.concat = (list, length) =>
    typeof list === 'string' ? Buffer.from(list) : concat(list, length);
}
