'use strict';
// The TDS endpoint that a suite talks to, out of the TDS_* variables that
// ../README.md describes.

const fs = require('node:fs');

const knownModes = ['off', 'login', 'on', 'strict'];

function list(text) {
  return (text || '').split(/[, ]+/).filter(Boolean);
}

function endpointFromEnv(env = process.env) {
  const endpoint = {
    host: env.TDS_HOST || '127.0.0.1',
    port: Number(env.TDS_PORT || 1433),
    user: env.TDS_USER,
    password: env.TDS_PASSWORD || '',
    database: env.TDS_DATABASE || undefined,
    user2: env.TDS_USER2,
    password2: env.TDS_PASSWORD2 || '',
    database2: env.TDS_DATABASE2 || undefined,
    modes: list(env.TDS_ENCRYPT || 'off'),
    certificateFile: env.TDS_SERVER_CERT,
    certificateName: env.TDS_SERVER_NAME || 'localhost',
    lacks: list(env.TDS_LACKS),
  };
  if (!endpoint.user) {
    throw new Error('TDS_USER is not set');
  }
  for (const mode of endpoint.modes) {
    if (!knownModes.includes(mode)) {
      throw new Error(`TDS_ENCRYPT: ${mode} is none of ${knownModes.join(', ')}`);
    }
  }
  return endpoint;
}

// encryptionOptions are the driver options of an encryption mode; the drivers
// know no login-only mode.
function encryptionOptions(endpoint, mode) {
  switch (mode) {
    case 'strict':
      return {
        encrypt: 'strict',
        trustServerCertificate: false,
        serverName: endpoint.certificateName,
        cryptoCredentialsDetails: { ca: fs.readFileSync(endpoint.certificateFile) },
      };
    case 'on':
      return { encrypt: true, trustServerCertificate: true, serverName: endpoint.certificateName };
    default:
      return { encrypt: false, trustServerCertificate: true };
  }
}

// mainMode is the mode of all cases but the login ones.
function mainMode(endpoint) {
  const mode = endpoint.modes.find((m) => m !== 'login');
  if (mode === undefined) {
    throw new Error('TDS_ENCRYPT names no mode that this driver has');
  }
  return mode;
}

module.exports = { endpointFromEnv, encryptionOptions, knownModes, list, mainMode };
