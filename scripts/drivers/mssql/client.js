'use strict';
// Pools and requests of the mssql package.

const sql = require('mssql');
const { encryptionOptions, mainMode } = require('../nodelib/endpoint.js');
const { errorNumber, describeError: describe, formatValue } = require('../nodelib/format.js');

function config(endpoint, { mode = mainMode(endpoint), user = endpoint.user, password = endpoint.password, database = endpoint.database, pool = {}, options = {}, requestTimeout = 0 } = {}) {
  return {
    server: endpoint.host,
    port: endpoint.port,
    user,
    password,
    database,
    connectionTimeout: 30_000,
    requestTimeout,
    pool: { min: 0, max: 1, ...pool },
    options: { appName: 'drivers', workstationId: 'client', useUTC: true, ...encryptionOptions(endpoint, mode), ...options },
  };
}

// withPool opens a pool (of one connection unless the change says more), runs
// use on it, and closes it.
async function withPool(endpoint, change, use) {
  const pool = new sql.ConnectionPool(config(endpoint, change));
  try {
    await pool.connect();
    return await use(pool);
  } finally {
    await pool.close();
  }
}

// describeError unwraps what the package wraps around the driver's errors.
function describeError(error) {
  const all = [...(error.precedingErrors ?? []), error].map((e) => e.originalError?.info ?? e);
  return all.map((e) => describe(serverNumber(e) ? { number: serverNumber(e), state: e.state, class: e.class, lineNumber: e.lineNumber, message: e.message } : e)).join(' ');
}

function serverNumber(error) {
  return errorNumber(error) || errorNumber(error?.originalError) || errorNumber(error?.originalError?.info);
}

// show renders a result: sets, rows affected, outputs, return value.
function show(result) {
  const sets = (result.recordsets ?? []).map((set) => `[${set.columns ? Object.keys(set.columns).join(',') : ''}]{${set.map((row) => `(${Object.values(row).map(showCell).join(',')})`).join('')}}`);
  const parts = [...sets, `affected(${(result.rowsAffected ?? []).join(',')})`];
  for (const [name, value] of Object.entries(result.output ?? {})) {
    parts.push(`${name}=${formatValue(value)}`);
  }
  if (result.returnValue !== undefined) {
    parts.push(`status(${result.returnValue})`);
  }
  return parts.join(' ');
}

// showCell: columns of the same name arrive as one array.
function showCell(value) {
  return Array.isArray(value) ? `<${value.map(formatValue).join(',')}>` : formatValue(value);
}

// batch runs text as one batch; messages and server errors are part of the result.
async function batch(owner, text) {
  const request = new sql.Request(owner);
  const said = [];
  request.on('info', (info) => said.push(`info(${info.number},state ${info.state},class ${info.class},line ${info.lineNumber},${JSON.stringify(info.message)})`));
  try {
    const result = await request.batch(text);
    return [...said, show(result)].join(' ');
  } catch (error) {
    if (!serverNumber(error)) throw error;
    return [...said, describeError(error)].join(' ');
  }
}

// runBatches runs the batches of a shared case. The pool holds one connection
// and the package does not reset it between requests, so they share a session.
async function runBatches(endpoint, batches) {
  return withPool(endpoint, {}, async (pool) => {
    const out = [];
    for (const text of batches) {
      out.push(await batch(pool, text));
    }
    return out.join(' | ');
  });
}

module.exports = { batch, config, describeError, runBatches, serverNumber, show, sql, withPool };
