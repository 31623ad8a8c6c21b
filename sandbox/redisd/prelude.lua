-- Runs before each script, on the script's first line: see newWrapping. A
-- comment must have its line to itself.
local __run
do
local type, pairs, select, unpack = type, pairs, select, unpack
local format, find, gsub, sub, byte, char = string.format, string.find, string.gsub, string.sub, string.byte, string.char
local concat, floor, huge = table.concat, math.floor, 1 / 0
local rawerror, rawpcall, rawtostring, rawtonumber, rawcall = error, pcall, tostring, tonumber, redis.pcall
local null, globals = newproxy(), getmetatable(_G)

-- What Redis does not have, what it has with another value.
print, os, require, module, package, dofile, loadfile, newproxy, getfenv, setfenv, _printregs, server = nil
math.huge = huge
globals.__newindex = function() rawerror('Attempt to modify a readonly table', 3) end
globals.__index = function(_, name)
rawerror("Script attempted to access nonexistent global variable '" .. rawtostring(name) .. "'", 3)
end

-- A level counts one more here than in Lua 5.1, and this function is a further
-- one. No tail calls: they would take a level away.
error = function(v, level)
if level == nil then level = 1 end
if level > 0 then level = level + 2 end
if type(v) == 'number' then v = format('%.14g', v) end
rawerror(v, level)
end
local error = error

-- Redis gives the text of a raised error table to who catches it.
local function placed(e) return (gsub(e, '^:(%d+):', 'user_script:%1:')) end
local function caught(ok, e, ...)
if not ok and type(e) == 'table' and type(e.err) == 'string' then return ok, e.err end
if not ok and type(e) == 'string' then return ok, placed(e) end
return ok, e, ...
end
pcall = function(f, ...)
if f == error then return false, (...) end
return caught(rawpcall(f, ...))
end

-- Numbers as Lua 5.1 writes and reads them.
local function text(n, how)
if n == huge then return 'inf' elseif n == -huge then return '-inf' elseif n ~= n then return 'nan' end
return format(how, n)
end
tostring = function(v)
if type(v) == 'number' then return text(v, '%.14g') end
return rawtostring(v)
end
tonumber = function(v, base)
if type(v) == 'string' and (base == nil or base == 10) then
local _, _, digits, exponent = find(v, '^%s*([+-]?%d+)([eE]?[+-]?%d*)%s*$')
if digits and (exponent ~= '' or #digits > 15) then return rawtonumber(digits .. '.0' .. exponent) end
end
if base == nil then return rawtonumber(v) end
return rawtonumber(v, base)
end
local tostring, tonumber = tostring, tonumber

-- where returns the line of the script that called the caller.
local function where()
local _, w = rawpcall(rawerror, '', 5)
local _, _, line = find(rawtostring(w), ':(%d+):')
return line
end

-- Calls: numbers keep 17 digits, an error is a table that is raised.
local function call(...)
local n, args = select('#', ...), {...}
for i = 1, n do
if type(args[i]) == 'number' then args[i] = text(args[i], '%.17g') end
end
local ok, reply = rawpcall(rawcall, unpack(args, 1, n))
local e
if not ok then e = 'ERR ' .. gsub(rawtostring(reply), '^[^:]*:%d*:? *', '')
elseif type(reply) == 'table' and reply.err then e = reply.err
else return reply
end
e = gsub(e, ' script: %x*, &c%.?$', '')
if find(e, '^This Redis command') then e = 'ERR ' .. e end
if find(e, '^ERR wrong number of arguments for') then e = 'ERR Wrong number of args calling Redis command from script' end
return {err = e}
end
redis.pcall = function(...) return call(...) end
redis.call = function(...)
local reply = call(...)
if type(reply) == 'table' and reply.err then rawerror({err = reply.err, line = where()}) end
return reply
end

-- clean replaces what miniredis cannot send: it would end the process.
local function clean(v, depth)
local t = type(v)
if t == 'table' then
if depth > 100 then rawerror({err = 'ERR reached lua stack limit'}) end
if type(v.err) == 'string' or type(v.ok) == 'string' then return v end
v.err, v.ok = nil, nil
local i = 1
while v[i] ~= nil do
v[i] = clean(v[i], depth + 1)
i = i + 1
end
return v
elseif t == 'string' or t == 'number' or t == 'boolean' then
return v
end
return false
end

__run = function(main, sha)
local ok, v = rawpcall(main)
if ok then ok, v = rawpcall(clean, v, 0) end
if ok then return v end
local line = '1'
if type(v) == 'table' and type(v.err) == 'string' then
line = v.line or line
v = v.err
else
v = placed(tostring(v))
local _, _, l = find(v, '^user_script:(%d+):')
line = l or line
v = 'ERR ' .. v
end
return {err = v .. ' script: ' .. sha .. ', on @user_script:' .. line .. '.'}
end

local function fail(...) rawerror(format(...), 0) end
local escapes = {['"'] = '\\"', ['\\'] = '\\\\', ['/'] = '\\/', ['\b'] = '\\b', ['\f'] = '\\f', ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t'}
local function escape(c) return escapes[c] or format('\\u%04x', byte(c)) end
local function quote(s) return '"' .. gsub(s, '[%c"\\/]', escape) .. '"' end
local function number(n)
if n ~= n or n == huge or n == -huge then fail('Cannot serialise number: must not be NaN or Inf') end
return format('%.14g', n)
end

-- length returns the highest index of an array, and nothing for another table.
local function length(t)
local top, n = 0, 0
for k in pairs(t) do
if type(k) ~= 'number' or k < 1 or floor(k) ~= k then return nil end
if k > top then top = k end
n = n + 1
end
if top > 10 and top > n * 2 then fail('Cannot serialise table: excessively sparse array') end
return top
end

local function encode(v)
local t = type(v)
if t == 'string' then return quote(v)
elseif t == 'number' then return number(v)
elseif t == 'boolean' then return v and 'true' or 'false'
elseif v == nil or v == null then return 'null'
elseif t ~= 'table' then fail('Cannot serialise %s: type not supported', t)
end
local n, out = length(v), {}
if n and n > 0 then
for i = 1, n do out[i] = encode(v[i]) end
return '[' .. concat(out, ',') .. ']'
end
for k, item in pairs(v) do
if type(k) == 'number' then k = '"' .. number(k) .. '"'
elseif type(k) == 'string' then k = quote(k)
else fail('Cannot serialise %s: table key must be a number or string', type(k))
end
out[#out + 1] = k .. ':' .. encode(item)
end
return '{' .. concat(out, ',') .. '}'
end

local function utf8(n)
if n < 128 then return char(n)
elseif n < 2048 then return char(192 + floor(n / 64), 128 + n % 64)
elseif n < 65536 then return char(224 + floor(n / 4096), 128 + floor(n / 64) % 64, 128 + n % 64)
end
return char(240 + floor(n / 262144), 128 + floor(n / 4096) % 64, 128 + floor(n / 64) % 64, 128 + n % 64)
end

local plain = {b = '\b', f = '\f', n = '\n', r = '\r', t = '\t', ['"'] = '"', ['\\'] = '\\', ['/'] = '/'}
local tokens = {[''] = 'T_END', ['{'] = 'T_OBJ_BEGIN', ['}'] = 'T_OBJ_END', ['['] = 'T_ARR_BEGIN', [']'] = 'T_ARR_END', [','] = 'T_COMMA', [':'] = 'T_COLON', ['"'] = 'T_STRING'}
local function unexpected(want, s, pos)
local found = tokens[sub(s, pos, pos)]
if not found then
if find(s, '^-?%d', pos) then found = 'T_NUMBER'
elseif find(s, '^true', pos) or find(s, '^false', pos) then found = 'T_BOOLEAN'
elseif find(s, '^null', pos) then found = 'T_NULL'
else found = 'invalid token'
end
end
fail('Expected %s but found %s at character %d', want, found, pos)
end
local function hex4(s, pos)
local _, _, digits = find(s, '^(%x%x%x%x)', pos)
if not digits then fail('Expected value but found invalid unicode escape code at character %d', pos - 2) end
return tonumber(digits, 16)
end

-- unquote reads a string whose first quote is before pos.
local function unquote(s, pos)
local out = {}
while true do
local _, stop = find(s, '^[^"\\%z]*', pos)
out[#out + 1] = sub(s, pos, stop)
pos = stop + 1
local c = sub(s, pos, pos)
if c == '"' then return concat(out), pos + 1 end
if c ~= '\\' then fail('Expected value but found unexpected end of string at character %d', pos) end
c = sub(s, pos + 1, pos + 1)
if c == 'u' then
local n = hex4(s, pos + 2)
pos = pos + 6
if n >= 55296 and n < 56320 then
local low = sub(s, pos, pos + 1) == '\\u' and hex4(s, pos + 2) or 0
if low < 56320 or low > 57343 then fail('Expected value but found invalid unicode escape code at character %d', pos - 6) end
n = 65536 + (n - 55296) * 1024 + low - 56320
pos = pos + 6
end
out[#out + 1] = utf8(n)
elseif plain[c] then
out[#out + 1] = plain[c]
pos = pos + 2
else
fail('Expected value but found invalid escape code at character %d', pos)
end
end
end

local words = {['true'] = true, ['false'] = false, ['null'] = null}
local function skip(s, pos)
local _, stop = find(s, '^[ \t\r\n]*', pos)
return stop + 1
end

-- decode returns the value at pos and the place behind it.
local function decode(s, pos)
pos = skip(s, pos)
local c = sub(s, pos, pos)
if c == '"' then return unquote(s, pos + 1)
elseif c == '[' then
local out, n = {}, 0
pos = skip(s, pos + 1)
if sub(s, pos, pos) == ']' then return out, pos + 1 end
while true do
n = n + 1
out[n], pos = decode(s, pos)
pos = skip(s, pos)
c = sub(s, pos, pos)
pos = pos + 1
if c == ']' then return out, pos end
if c ~= ',' then unexpected('comma or array end', s, pos - 1) end
end
elseif c == '{' then
local out, key = {}, nil
pos = skip(s, pos + 1)
if sub(s, pos, pos) == '}' then return out, pos + 1 end
while true do
pos = skip(s, pos)
if sub(s, pos, pos) ~= '"' then unexpected('object key string', s, pos) end
key, pos = unquote(s, pos + 1)
pos = skip(s, pos)
if sub(s, pos, pos) ~= ':' then unexpected('colon', s, pos) end
out[key], pos = decode(s, pos + 1)
pos = skip(s, pos)
c = sub(s, pos, pos)
pos = pos + 1
if c == '}' then return out, pos end
if c ~= ',' then unexpected('comma or object end', s, pos - 1) end
end
end
local _, stop, word = find(s, '^(%a+)', pos)
if word and words[word] ~= nil then return words[word], stop + 1 end
local _, stop2, digits = find(s, '^(-?%d+%.?%d*[eE]?[+-]?%d*)', pos)
local n = digits and tonumber(digits)
if not n then unexpected('value', s, pos) end
return n, stop2 + 1
end

-- checked calls f with the one argument that it takes, and raises its errors as
-- ones of the script.
local function checked(name, f)
return function(...)
if select('#', ...) ~= 1 then rawerror("bad argument #1 to '" .. name .. "' (expected 1 argument)", 3) end
local ok, v = rawpcall(f, (...))
if not ok then rawerror(v, 3) end
return v
end
end
cjson.null = null
cjson.encode = checked('encode', encode)
cjson.decode = checked('decode', function(s)
if type(s) == 'number' then s = tostring(s) end
if type(s) ~= 'string' then fail("bad argument #1 to 'decode' (string expected, got %s)", type(s)) end
local v, pos = decode(s, 1)
pos = skip(s, pos)
if pos <= #s then unexpected('the end', s, pos) end
return v
end)
end
