'use strict';
// Values sent as typed parameters have to come back unchanged.

const { TYPES } = require('tedious');
const { formatValue } = require('../nodelib/format.js');
const { letters, pattern, tenMegabytes } = require('../nodelib/values.js');
const { batch, execute, withConnection } = require('./client.js');

function echo(name, type, value, { as = '@v', needs, options } = {}) {
  return {
    name: `param/${name}`,
    needs,
    run: (endpoint) => withConnection(endpoint, {}, async (connection) => {
      const { text, error } = await execute(connection, `SELECT ${as} AS v`, [['v', type, value, options]]);
      if (error && !text) throw error;
      return text;
    }),
  };
}

// echoLarge compares a value of many packets with what comes back.
function echoLarge(name, type, value, as) {
  return {
    name: `param/${name}`,
    run: (endpoint) => withConnection(endpoint, {}, async (connection) => {
      const { rows, error } = await execute(connection, `SELECT ${as} AS v`, [['v', type, value]]);
      if (error) throw error;
      const got = formatValue(rows[0][0]);
      if (got !== formatValue(value)) throw new Error(`sent ${formatValue(value)}, got ${got}`);
      return got;
    }),
  };
}

async function nullOfEachType(connection) {
  const types = [TYPES.Bit, TYPES.TinyInt, TYPES.SmallInt, TYPES.Int, TYPES.BigInt, TYPES.Real, TYPES.Float, TYPES.Money,
    TYPES.VarChar, TYPES.NVarChar, TYPES.VarBinary, TYPES.UniqueIdentifier, TYPES.Date, TYPES.Time, TYPES.DateTime,
    TYPES.DateTime2, TYPES.DateTimeOffset, TYPES.Decimal];
  const { text, error } = await execute(connection, `SELECT ${types.map((_, i) => `@p${i} AS c${i}`).join(', ')}`,
    types.map((type, i) => [`p${i}`, type, null]));
  if (error && !text) throw error;
  return text;
}

async function storeLarge(connection) {
  await batch(connection, 'CREATE TABLE #big (id int NOT NULL, n nvarchar(max) NULL, b varbinary(max) NULL)');
  const { error } = await execute(connection, 'INSERT INTO #big (id, n, b) VALUES (1, @n, @b)', [
    ['n', TYPES.NVarChar, letters(tenMegabytes / 2)], ['b', TYPES.VarBinary, pattern(tenMegabytes)]]);
  if (error) throw error;
  return batch(connection, 'SELECT id, n, b FROM #big');
}

const moment = new Date('2024-02-29T12:34:56.765Z');
moment.nanosecondDelta = 0.0004321;

const cases = [
  echo('bit', TYPES.Bit, true),
  echo('int', TYPES.Int, -2147483648),
  echo('bigint', TYPES.BigInt, '9223372036854775807'),
  echo('float', TYPES.Float, 1.7976931348623157e308),
  echo('real', TYPES.Real, 1.5),
  echo('decimal', TYPES.Decimal, 12345.6789, { options: { precision: 18, scale: 4 } }),
  echo('money', TYPES.Money, 922337203685.4775),
  echo('varchar', TYPES.VarChar, 'plain'),
  echo('nvarchar', TYPES.NVarChar, 'Grüße 你好 😀', { as: 'CAST(@v AS nvarchar(100))' }),
  echo('nvarchar-empty', TYPES.NVarChar, '', { as: 'CAST(@v AS nvarchar(100))' }),
  echo('nvarchar-4000', TYPES.NVarChar, letters(4000), { as: 'CAST(@v AS nvarchar(max))' }),
  echo('nvarchar-4001', TYPES.NVarChar, letters(4001), { as: 'CAST(@v AS nvarchar(max))' }),
  echo('varbinary', TYPES.VarBinary, Buffer.from([0, 1, 255])),
  echo('varbinary-8000', TYPES.VarBinary, pattern(8000)),
  echo('varbinary-8001', TYPES.VarBinary, pattern(8001)),
  echo('guid', TYPES.UniqueIdentifier, '01020304-0506-0708-090A-0B0C0D0E0F10'),
  echo('date', TYPES.Date, new Date('2024-02-29T00:00:00Z')),
  echo('time', TYPES.Time, moment, { options: { scale: 7 } }),
  echo('datetime', TYPES.DateTime, new Date('2024-02-29T12:34:56.123Z')),
  echo('datetime2', TYPES.DateTime2, moment, { options: { scale: 7 } }),
  echo('datetimeoffset', TYPES.DateTimeOffset, moment, { options: { scale: 7 } }),
  { name: 'param/null-of-each-type', run: (endpoint) => withConnection(endpoint, {}, nullOfEachType) },
  echoLarge('max-nvarchar-10mb', TYPES.NVarChar, letters(tenMegabytes / 2), 'CAST(@v AS nvarchar(max))'),
  echoLarge('max-varchar-10mb', TYPES.VarChar, letters(tenMegabytes), '@v'),
  echoLarge('max-varbinary-10mb', TYPES.VarBinary, pattern(tenMegabytes), '@v'),
  { name: 'param/max-stored-10mb', run: (endpoint) => withConnection(endpoint, {}, storeLarge) },
];

module.exports = { cases };
