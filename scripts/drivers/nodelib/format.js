'use strict';
// Equal values are shown by equal text; long ones by length and hash.

const crypto = require('node:crypto');

const longValue = 200;

function hash(data) {
  return crypto.createHash('sha256').update(data).digest('hex').slice(0, 16);
}

function formatText(text) {
  return text.length > longValue ? `text(${text.length},${hash(text)})` : JSON.stringify(text);
}

function formatBytes(bytes) {
  return bytes.length > longValue ? `bytes(${bytes.length},${hash(bytes)})` : `0x${bytes.toString('hex')}`;
}

function formatDate(date) {
  // The drivers add what a Date cannot hold as a fraction of a second.
  const rest = date.nanosecondsDelta ?? date.nanosecondDelta ?? 0;
  return Number.isNaN(date.getTime()) ? 'invalid date' : date.toISOString() + (rest ? `+${Math.round(rest * 1e9)}ns` : '');
}

function formatValue(value) {
  if (value === null || value === undefined) return 'NULL';
  if (Buffer.isBuffer(value)) return formatBytes(value);
  if (value instanceof Date) return formatDate(value);
  if (typeof value === 'string') return formatText(value);
  if (Object.is(value, -0)) return '-0';
  return String(value);
}

// describeError shows a server error by its fields, any other by code and text.
function describeError(error) {
  if (error.errors?.length) {
    return error.errors.map(describeError).join(' ');
  }
  if (error.number) {
    return `error(${error.number},state ${error.state},class ${error.class},line ${error.lineNumber},${JSON.stringify(error.message)})`;
  }
  return `client error ${error.code || ''}: ${error.message}`;
}

function errorNumber(error) {
  return error?.errors?.[0]?.number ?? error?.number ?? 0;
}

// oneLine makes a text fit into one field; of error 3971 it hides the part that
// differs from run to run.
function oneLine(text) {
  return text.replace(/Desc:[0-9a-f]+/g, 'Desc:*').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t');
}

module.exports = { describeError, errorNumber, formatText, formatBytes, formatValue, hash, oneLine };
