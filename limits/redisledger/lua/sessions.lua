-- Accounts of sessions, and the lists of who has one.

local accounts, touched = {}, {}
local list, listChanged -- members
local knownSet, knownChanged

local ACCOUNT = {seq = 'number', told = 'number', renewals = 'number', ack = 'number', joined = 'number', clear = 'boolean', booked = 'boolean', pins = 'table', moved = 'table'}

-- account returns a session's account, nil when it has none.
local function account(s)
  local a = accounts[s]
  if a == nil then
    local field = 'a:' .. s
    local text = get(field)
    a = text and shape(field, parse(field, text), ACCOUNT)
    accounts[s] = a
  end
  return a or nil
end

local function changedAccount(s) touched[s] = true end

-- names reads a list of sessions.
local function names(field)
  local text = get(field) or '[]'
  local out = parse(field, text)
  for i = 1, #out do
    if type(out[i]) ~= 'string' then damaged(field, 'is not a list of names') end
  end
  if not text:find('^%s*%[') then damaged(field, 'is not a list') end
  return out
end

local function members()
  if not list then list = names('members') end
  return list
end

-- memberList is the text of the list of members.
local function memberList()
  local all = members()
  if listChanged then return quoted(all) end
  return get('members') or '[]'
end

local function fetchAccounts()
  local fields = {}
  for i, s in ipairs(members()) do fields[i] = 'a:' .. s end
  fetch(fields)
end

local function bump()
  l.version = l.version + 1
  metaChanged = true
end

-- newAccount opens an account under a new version of the list.
local function newAccount(s, ack, booked)
  bump()
  local a = {seq = 0, told = 0, renewals = 0, ack = ack and l.version or 0, joined = l.version, clear = false, booked = booked, pins = {}, moved = {}}
  accounts[s], touched[s] = a, true
  local all = members()
  local i = #all
  while i > 0 and before(s, all[i]) do
    all[i + 1] = all[i]
    i = i - 1
  end
  all[i + 1] = s
  listChanged = true
  return a
end

local function removeAccount(s)
  accounts[s], touched[s] = false, nil
  put('a:' .. s, false)
  put('r:' .. s, false)
  local all = members()
  for i = 1, #all do
    if all[i] == s then
      table.remove(all, i)
      break
    end
  end
  listChanged = true
end

-- known is who may own something, while the ledger recovers.
local function known()
  if not knownSet then
    knownSet = {}
    for _, s in ipairs(names('known')) do knownSet[s] = true end
  end
  return knownSet
end

local function addKnown(s)
  if not known()[s] then
    knownSet[s], knownChanged = true, true
  end
end

local function removeKnown(s)
  if known()[s] then
    knownSet[s], knownChanged = nil, true
  end
end

local function opened()
  l.open = true
  bump()
  knownSet, knownChanged = {}, true
end

-- openIfAllCame ends a recovery when everybody who may own something has said
-- what (R12a).
local function openIfAllCame()
  if l.open or not l.complete then return end
  for s in pairs(known()) do
    if not account(s) then return end
  end
  opened()
end

saves[#saves + 1] = function()
  for s in pairs(touched) do
    local a = accounts[s]
    local pins = '{}'
    if next(a.pins) ~= nil then pins = quote(a.pins) end
    put('a:' .. s, format('{"seq":%.0f,"told":%.0f,"renewals":%.0f,"ack":%.0f,"joined":%.0f,"clear":%s,"booked":%s,"pins":%s,"moved":%s}',
      a.seq, a.told, a.renewals, a.ack, a.joined, tostring(a.clear), tostring(a.booked), pins, quoted(a.moved)))
  end
  if listChanged then put('members', quoted(list)) end
  if knownChanged then
    local names = {}
    for s in pairs(knownSet) do names[#names + 1] = s end
    table.sort(names, before)
    put('known', #names > 0 and quoted(names))
  end
end
