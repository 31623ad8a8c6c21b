'use strict';
// Promises around tedious' events.

const { Connection, Request } = require('tedious');
const { encryptionOptions, mainMode } = require('../nodelib/endpoint.js');
const { describeError, formatValue } = require('../nodelib/format.js');

function config(endpoint, { mode = mainMode(endpoint), user = endpoint.user, password = endpoint.password, database = endpoint.database, options = {} } = {}) {
  return {
    server: endpoint.host,
    authentication: { type: 'default', options: { userName: user, password } },
    options: {
      port: endpoint.port,
      database,
      appName: 'drivers',
      workstationId: 'client',
      connectTimeout: 30_000,
      requestTimeout: 0,
      cancelTimeout: 10_000,
      ...encryptionOptions(endpoint, mode),
      ...options,
    },
  };
}

// connect logs in; a refused login rejects with what the server said.
function connect(endpoint, change) {
  return new Promise((resolve, reject) => {
    const connection = new Connection(config(endpoint, change));
    let said;
    connection.on('errorMessage', (token) => { said ??= token; });
    connection.on('error', () => {}); // a cut connection; what was running rejects
    connection.connect((error) => {
      if (error) {
        connection.close();
        reject(said ?? error);
        return;
      }
      resolve(connection);
    });
  });
}

// close ends a connection and waits for its end.
function close(connection) {
  return new Promise((resolve) => {
    connection.once('end', resolve);
    connection.close();
  });
}

async function withConnection(endpoint, change, use) {
  const connection = await connect(endpoint, change);
  try {
    return await use(connection);
  } finally {
    await close(connection);
  }
}

// perform makes a request, lets start send it, and collects all that came back
// in the order it came. It resolves to {text, rows, outputs, error}.
function perform(connection, sql, start, prepareRequest = () => {}) {
  return new Promise((resolve) => {
    const parts = [];
    const outputs = [];
    const rows = [];
    let set;
    const endSet = () => {
      if (set) {
        parts.push(`[${set.columns.join(',')}]{${set.rows.join('')}}`);
        set = undefined;
      }
    };
    const onInfo = (token) => { endSet(); parts.push(`info(${token.number},state ${token.state},class ${token.class},line ${token.lineNumber},${JSON.stringify(token.message)})`); };
    const onError = (token) => { endSet(); parts.push(describeError(token)); };
    const request = new Request(sql, (error) => {
      connection.off('infoMessage', onInfo);
      connection.off('errorMessage', onError);
      endSet();
      resolve({ text: parts.join(' '), rows, outputs, error });
    });
    connection.on('infoMessage', onInfo);
    connection.on('errorMessage', onError);
    request.on('columnMetadata', (columns) => {
      endSet();
      set = { columns: columns.map((c) => `${c.colName}:${c.type.name}`), rows: [] };
    });
    request.on('row', (columns) => {
      rows.push(columns.map((c) => c.value));
      set.rows.push(`(${columns.map((c) => formatValue(c.value)).join(',')})`);
    });
    const onDone = (name) => (count) => {
      endSet();
      if (count !== undefined) parts.push(`${name}(${count})`);
    };
    request.on('done', onDone('done'));
    request.on('doneInProc', onDone('doneInProc'));
    request.on('doneProc', (count, more, status) => {
      endSet();
      if (status !== undefined) parts.push(`status(${status})`);
    });
    request.on('returnValue', (name, value) => {
      outputs.push([name, value]);
    });
    prepareRequest(request);
    start(request);
  });
}

// batch runs text as a SQL batch and returns what came back; a server error is
// part of it, any other error is thrown.
async function batch(connection, sql) {
  const { text, error } = await perform(connection, sql, (request) => connection.execSqlBatch(request));
  if (error && !isServerError(error)) throw error;
  return text;
}

// execute runs text through sp_executesql with parameters [name, type, value].
async function execute(connection, sql, parameters = []) {
  return perform(connection, sql, (request) => connection.execSql(request), (request) => {
    for (const [name, type, value, options] of parameters) {
      request.addParameter(name, type, value, options);
    }
  });
}

function isServerError(error) {
  return Boolean(error.number || error.errors?.length);
}

async function runBatches(endpoint, batches) {
  return withConnection(endpoint, {}, async (connection) => {
    const out = [];
    for (const sql of batches) {
      out.push(await batch(connection, sql));
    }
    return out.join(' | ');
  });
}

module.exports = { batch, close, connect, execute, isServerError, perform, runBatches, withConnection };
