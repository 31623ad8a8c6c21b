-- What all scripts share: the ledger's hash, its head, the store's history, and
-- the frame around an op. The results must be those of limits.Ledger.
--
-- Fields of the hash: meta, members and known (names in byte order; known only
-- while recovering), a:<session> the account, r:<session> the answer to its
-- last Sync, b:<bucket> the limit and who holds what.
--
-- Nothing is written before all is worked out: a script that fails has changed
-- nothing. Texts are built here, for cjson writes numbers with 14 digits and
-- cannot tell an empty list from an empty map.
local KEY, FORMAT = KEYS[1], 1
local quote, format, concat = cjson.encode, string.format, table.concat
local null = cjson.null

-- History of the store, and the head of the ledger: replid ('' while there is
-- none), n, tag, open, complete, version, config.
local id, l

local cache, puts, changed = {}, {}, {}
local metaChanged = false
local fault

local function int(n) return format('%.0f', n) end

-- some takes what Go's nil maps and slices became for what they mean.
local function some(v)
  if v == nil or v == null then return {} end
  return v
end

local function damaged(field, why)
  fault = '{"fault":"data","detail":' .. quote(format('field %s: %s', quote(field), why)) .. '}'
  error('damaged', 0)
end

-- Redis stacks up the arguments of a call, 8000 at most.
local CHUNK = 2000

local function fetch(fields)
  for from = 1, #fields, CHUNK do
    local to = math.min(from + CHUNK - 1, #fields)
    local got = redis.call('HMGET', KEY, unpack(fields, from, to))
    for i = from, to do cache[fields[i]] = got[i - from + 1] end
  end
end

-- get returns the text of a field, false when it is not there.
local function get(field)
  if cache[field] == nil then cache[field] = redis.call('HGET', KEY, field) end
  return cache[field]
end

-- put sets a field; false removes it.
local function put(field, text)
  if not changed[field] then
    changed[field] = true
    puts[#puts + 1] = field
  end
  cache[field] = text
end

local function parse(field, text)
  local ok, v = pcall(cjson.decode, text)
  if not ok then damaged(field, 'is not JSON') end
  if type(v) ~= 'table' then damaged(field, 'is neither a list nor a map') end
  return v
end

-- shape checks the types of what a map must have.
local function shape(field, v, types)
  for name, want in pairs(types) do
    if type(v[name]) ~= want then damaged(field, name .. ' is not a ' .. want) end
  end
  return v
end

-- before orders names as Go does, by bytes: "<" follows the server's locale.
local function before(a, b)
  local i, n = 1, math.min(#a, #b)
  while i <= n do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
    i = i + 1
  end
  return #a < #b
end

local function quoted(names)
  local out = {}
  for i = 1, #names do out[i] = quote(names[i]) end
  return '[' .. concat(out, ',') .. ']'
end

-- fieldNames returns the rest of the names of all fields that begin with prefix.
local function fieldNames(prefix)
  local out = {}
  for _, f in ipairs(redis.call('HKEYS', KEY)) do
    if f:sub(1, #prefix) == prefix then out[#out + 1] = f:sub(#prefix + 1) end
  end
  return out
end

local META = {replid = 'string', n = 'number', tag = 'string', open = 'boolean', complete = 'boolean', version = 'number', config = 'string'}

local function loadMeta()
  local text = get('meta')
  if not text then
    l = {replid = '', n = 0, tag = '', open = false, complete = false, version = 0, config = ''}
    return
  end
  l = parse('meta', text)
  if type(l.format) ~= 'number' then damaged('meta', 'format is not a number') end
  if l.format ~= FORMAT then
    fault = format('{"fault":"format","found":%s,"known":"%d"}', quote(tostring(l.format)), FORMAT)
    error('format', 0)
  end
  shape('meta', l, META)
end

local function saveMeta()
  put('meta', format('{"format":%d,"replid":%s,"n":%.0f,"tag":%s,"open":%s,"complete":%s,"version":%.0f,"config":%s}',
    FORMAT, quote(l.replid), l.n, quote(l.tag), tostring(l.open), tostring(l.complete), l.version, quote(l.config)))
end

-- history names what the store has lived through since it started or became
-- the master. Where a managed server hides that, the process stands for it.
local function history()
  local v = redis.call('INFO', 'replication'):match('master_replid:(%x+)')
  if v and v:find('[^0]') then return v end
  v = redis.call('INFO', 'server'):match('run_id:(%x+)')
  if v then return 'run_id:' .. v end
  error('this Redis shows neither master_replid nor run_id in INFO, so nobody could tell whether it has forgotten something', 0)
end

local function sameEpoch(e) return e.n == l.n and e.tag == l.tag end

-- reply begins an answer as Ledger.reply does and ends it with what else it has.
local function reply(status, more)
  return format('{"status":"%s","replid":%s,"epoch":{"n":%.0f,"tag":%s},"open":%s,"version":%.0f,"config":%s%s}',
    status, quote(id), l.n, quote(l.tag), tostring(l.open), l.version, quote(l.config), more or '')
end

-- flush writes what changed. The first call is the one that can fail.
local function flush()
  local sets, dels = {}, {}
  for _, f in ipairs(puts) do
    if cache[f] then
      sets[#sets + 1] = f
      sets[#sets + 1] = cache[f]
    else
      dels[#dels + 1] = f
    end
  end
  for from = 1, #sets, CHUNK do redis.call('HSET', KEY, unpack(sets, from, math.min(from + CHUNK - 1, #sets))) end
  for from = 1, #dels, CHUNK do redis.call('HDEL', KEY, unpack(dels, from, math.min(from + CHUNK - 1, #dels))) end
end

-- saves are what turns changed tables into fields before they are written.
local saves = {}

local function work(run, need, always)
  local op = cjson.decode(ARGV[1])
  id = history()
  local fields = need and need(op) or {}
  fields[#fields + 1] = 'meta'
  fetch(fields)
  loadMeta()
  if not always then
    if l.replid == '' then return '{"status":"EMPTY","replid":' .. quote(id) .. '}' end
    if l.replid ~= id then return reply('DISCONT') end
  end
  local out = run(op)
  for _, save in ipairs(saves) do save() end
  if metaChanged then saveMeta() end
  flush()
  return out
end

-- main answers an op. Need names the fields that run is sure to want; always
-- lets it run on an empty ledger and one with another history.
local function main(run, need, always)
  local ok, out = pcall(work, run, need, always)
  if ok then return out end
  if fault then return fault end
  if type(out) == 'table' then out = out.err end
  out = tostring(out)
  if out:find('^WRONGTYPE') then return '{"status":"WRONGTYPE","replid":' .. quote(id) .. '}' end
  return '{"fault":"script","detail":' .. quote(out) .. '}'
end
