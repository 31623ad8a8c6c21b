-- Pots: what the ledger has of one bucket. The field is a JSON list with one
-- line for the limit and one for each session, in byte order:
--   [max,ver
--   ,"session",held,demand,age,declared
--   ]
-- A line break cannot be inside a JSON string, so the line of a session can be
-- found, and exchanged, without writing the others again.
local MAX, VER = 1, 2
local FIRST, WIDTH = 3, 5
local HELD, DEMAND, AGE, DECLARED = 1, 2, 3, 4 -- after the place of a session

local pots, potNames = {}, {}

local function addPot(b, text, t)
  pots[b] = {name = b, text = text, t = t, lines = {}}
  potNames[#potNames + 1] = b
  return pots[b]
end

-- pot returns a bucket's pot, nil when there is none.
local function pot(b)
  if pots[b] then return pots[b] end
  local field = 'b:' .. b
  local text = get(field)
  if not text then return nil end
  local t = parse(field, text)
  if #t % WIDTH ~= 2 or type(t[MAX]) ~= 'number' or type(t[VER]) ~= 'number' or #t > 2 and type(t[FIRST]) ~= 'string' then
    damaged(field, 'is not a limit and shares')
  end
  return addPot(b, text, t)
end

local function potOrNew(b)
  local p = pot(b)
  if not p then
    p = addPot(b, nil, {0, 0})
    p.rewrite = true
  end
  return p
end

-- allPots returns the names of all buckets, in byte order.
local function allPots()
  local seen, names = {}, {}
  for _, b in ipairs(fieldNames('b:')) do seen[b] = true end
  for _, b in ipairs(potNames) do seen[b] = true end
  local fields = {}
  for b in pairs(seen) do
    names[#names + 1] = b
    if not pots[b] then fields[#fields + 1] = 'b:' .. b end
  end
  fetch(fields)
  table.sort(names, before)
  return names
end

-- place returns where a session's share is, nil when it has none.
local function place(p, s)
  local t = p.t
  for o = FIRST, #t, WIDTH do
    if t[o] == s then return o end
  end
  return nil
end

-- of returns where a session's share is, and makes it if it has none. It moves
-- the others: places found before are wrong then.
local function of(p, s)
  local o = place(p, s)
  if o then return o end
  local t = p.t
  o = #t + 1
  while o > FIRST and before(s, t[o - WIDTH]) do
    for i = o - 1, o - WIDTH, -1 do t[i + WIDTH] = t[i] end
    o = o - WIDTH
  end
  t[o] = s
  for i = o + 1, o + WIDTH - 1 do t[i] = 0 end
  p.rewrite = true
  return o
end

-- set changes a figure of a share.
local function set(p, o, figure, n)
  local t = p.t
  if t[o + figure] ~= n then
    t[o + figure] = n
    p.lines[t[o]] = true
  end
end

local function setLimit(p, max, ver)
  p.t[MAX], p.t[VER] = max, ver
  p.rewrite = true
end

-- keepLimit takes a limit that somebody remembers, if it is newer.
local function keepLimit(b, limit)
  local p = potOrNew(b)
  if limit.ver > p.t[VER] then setLimit(p, limit.max, limit.ver) end
end

local function removeShare(p, s)
  local o = place(p, s)
  if not o then return end
  local t = p.t
  local n = #t
  for i = o, n - WIDTH do t[i] = t[i + WIDTH] end
  for i = n, n - WIDTH + 1, -1 do t[i] = nil end
  p.rewrite = true
end

local function removeShares(p)
  local t = p.t
  if #t < FIRST then return end
  p.t = {t[MAX], t[VER]}
  p.rewrite = true
end

-- agreed tells whether all who declare something declare n.
local function agreed(p, n)
  local t = p.t
  for o = FIRST, #t, WIDTH do
    local d = t[o + DECLARED]
    if d > 0 and d ~= n then return false end
  end
  return true
end

-- setDeclared notes what a session's configuration says, below 0 that it does
-- not serve the bucket any more. A bucket that is new gets its limit from the
-- first who names it.
local function setDeclared(s, declared, change)
  for b, n in pairs(some(declared)) do
    local p = potOrNew(b)
    set(p, of(p, s), DECLARED, n)
    if n >= 0 and n ~= p.t[MAX] and (p.t[VER] == 0 or change or agreed(p, n)) then setLimit(p, n, p.t[VER] + 1) end
  end
end

local function figures(t, o) return format('%.0f,%.0f,%.0f,%.0f', t[o + HELD], t[o + DEMAND], t[o + AGE], t[o + DECLARED]) end

local function savePot(p)
  local t, text = p.t, p.text
  if not p.rewrite then
    if next(p.lines) == nil then return end
    for s in pairs(p.lines) do
      local _, from = text:find('\n,' .. quote(s) .. ',', 1, true)
      local to = from and text:find('\n', from, true)
      if not to then
        p.rewrite = true
        break
      end
      text = text:sub(1, from) .. figures(t, place(p, s)) .. text:sub(to)
    end
  end
  if p.rewrite then
    local out = {format('[%.0f,%.0f', t[MAX], t[VER])}
    for o = FIRST, #t, WIDTH do out[#out + 1] = '\n,' .. quote(t[o]) .. ',' .. figures(t, o) end
    out[#out + 1] = '\n]'
    text = concat(out)
  end
  put('b:' .. p.name, text)
end

saves[#saves + 1] = function()
  for _, b in ipairs(potNames) do savePot(pots[b]) end
end
