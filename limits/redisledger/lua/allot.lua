-- Who ought to have how much of a bucket, as in allot.go. It is worked out for
-- every bucket that a Sync names, so sorting is left out where the result does
-- not depend on the order.

-- quotient divides as Go does, towards zero.
local function quotient(a, b)
  local q = a / b
  if q < 0 then return math.ceil(q) + 0 end
  return math.floor(q)
end

local function ceil(a, b) return quotient(a + b - 1, b) end

-- fill shares out what is less than all want: fair by place in the list. Who
-- wants no more than the level gets it, and what that saves raises the level
-- for the others; what then does not divide goes to those who have waited
-- longest, and among equals to the first by name.
local function fill(t, rest)
  local fair, short = {}, {}
  for o = FIRST, #t, WIDTH do
    fair[o] = 0
    if t[o + DEMAND] > 0 then short[#short + 1] = o end
  end
  local level
  repeat
    level = quotient(rest, #short)
    local more = {}
    for i = 1, #short do
      local o = short[i]
      local demand = t[o + DEMAND]
      if demand <= level then
        fair[o], rest = demand, rest - demand
      else
        more[#more + 1] = o
      end
    end
    local settled = #more == #short
    short = more
  until settled
  local ages = {}
  for i = 1, #short do
    fair[short[i]] = level
    ages[i] = t[short[i] + AGE]
  end
  rest = rest - level * #short
  if rest == 0 then return fair end
  table.sort(ages)
  local least = ages[#ages - rest + 1]
  for i = #ages - rest + 1, #ages do
    if ages[i] > least then rest = rest - 1 end
  end
  for i = 1, #short do
    local o = short[i]
    local age = t[o + AGE]
    if age > least then
      fair[o] = fair[o] + 1
    elseif age == least and rest > 0 then
      fair[o], rest = fair[o] + 1, rest - 1
    end
  end
  return fair
end

local function allot(p)
  local t = p.t
  local limit = t[MAX]
  local free, wanted, unmet, excess, conflict, sessions = limit, 0, 0, 0, false, 0
  for o = FIRST, #t, WIDTH do
    local held, demand, declared = t[o + HELD], t[o + DEMAND], t[o + DECLARED]
    free, wanted, sessions = free - held, wanted + demand, sessions + 1
    if demand > held then unmet = unmet + demand - held else excess = excess + held - demand end
    if declared > 0 and declared ~= limit then conflict = true end
  end
  local a = {limit = limit, free = free, unmet = unmet, excess = excess, conflict = conflict, sessions = sessions}
  local rest = math.max(limit, 0)
  if wanted > rest then
    local fair = fill(t, rest)
    a.fair, a.unmet, a.excess = fair, 0, 0
    for o, f in pairs(fair) do
      local held = t[o + HELD]
      if f > held then a.unmet = a.unmet + f - held else a.excess = a.excess + held - f end
    end
  end
  return a
end

local function fairOf(p, a, o)
  if a.fair then return a.fair[o] end
  return p.t[o + DEMAND]
end

-- grant is how many of the free slots the session at o gets.
local function grant(p, a, o, ahead)
  if a.free <= 0 then return 0 end
  local held = p.t[o + HELD]
  local lack = math.max(fairOf(p, a, o) - held, 0)
  local n = math.min(lack, a.free)
  if a.unmet > lack then return n end
  local free = a.free - n
  local stock = math.min(math.max(ceil(a.limit, a.sessions) - held - n, 0), free)
  free = free - stock
  local more = 0
  if ahead > 0 then more = math.min(ahead, quotient(free, 2 * a.sessions)) end
  return n + stock + more
end

-- give adds granted slots and brings the allotment up to date.
local function give(p, a, o, n)
  if n == 0 then return end
  local held, fair = p.t[o + HELD], fairOf(p, a, o)
  set(p, o, HELD, held + n)
  a.free = a.free - n
  a.unmet = a.unmet - math.max(fair - held, 0) + math.max(fair - held - n, 0)
  a.excess = a.excess - math.max(held - fair, 0) + math.max(held + n - fair, 0)
end

local function owe(p, a, o)
  local mine = math.max(p.t[o + HELD] - fairOf(p, a, o), 0)
  local deficit = a.unmet - a.free
  if deficit <= 0 or mine == 0 then return 0 end
  return math.min(mine, ceil(deficit * mine, a.excess))
end

local PEERS = 3

-- peers are those with the greatest gap, at most PEERS. Sign is 1 for slots
-- that can be spared, -1 for slots that lack.
local function peers(p, a, o, sign)
  local t, places, gaps = p.t, {}, {}
  for x = FIRST, #t, WIDTH do
    local gap = sign * (t[x + HELD] - fairOf(p, a, x))
    if x ~= o and gap > 0 then
      local i = #places + 1
      while i > 1 and gaps[i - 1] < gap do i = i - 1 end
      if i <= PEERS then
        table.insert(places, i, x)
        table.insert(gaps, i, gap)
        places[PEERS + 1], gaps[PEERS + 1] = nil, nil
      end
    end
  end
  for i, x in ipairs(places) do places[i] = t[x] end
  return places
end

-- answer tells the session at o how it stands, as text; o is nil for one that
-- has no share. Returned says that it gave slots back, and so should wake who
-- waits for them.
local function answer(p, a, o, returned, moved)
  local t = p.t
  local held, owes, names = 0, 0, nil
  if o then
    held, owes = t[o + HELD], owe(p, a, o)
    if returned then
      names = peers(p, a, o, -1)
    elseif fairOf(p, a, o) > held then
      names = peers(p, a, o, 1)
    end
  end
  local out = format('{"held":%.0f,"owe":%.0f,"limit":{"max":%.0f,"ver":%.0f},"free":%.0f,"unmet":%.0f',
    held, owes, t[MAX], t[VER], a.free, a.unmet)
  if names and #names > 0 then out = out .. ',"peers":' .. quoted(names) end
  if moved and #moved > 0 then out = out .. ',"moved":' .. quoted(moved) end
  if a.conflict then out = out .. ',"conflict":true' end
  return out .. '}'
end

-- shares answers for buckets without changing anything, as a member of a reply.
local function shares(s, names)
  local out = {}
  for _, b in ipairs(names) do
    local p = pot(b)
    if p then out[#out + 1] = quote(b) .. ':' .. answer(p, allot(p), place(p, s), false) end
  end
  return ',"buckets":{' .. concat(out, ',') .. '}'
end
