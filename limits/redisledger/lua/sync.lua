-- settle notes that every session knows of a: from then on any survivor can
-- name it when the ledger has to be rebuilt, so it may own something (R13).
local function settle(a)
  if a.clear then return end
  fetchAccounts()
  for _, s in ipairs(members()) do
    local other = account(s)
    if not other then damaged('a:' .. s, 'is missing') end
    if other.ack < a.joined then return end
  end
  a.clear = true
end

local function move(p, s, moves)
  local moved = {}
  for _, m in ipairs(moves) do
    local to = account(m.to)
    local o = place(p, s)
    local held = p.t[o + HELD]
    if to and to.clear and m.to ~= s and m.n > 0 and m.n <= held then
      set(p, o, HELD, held - m.n)
      o = of(p, m.to)
      set(p, o, HELD, p.t[o + HELD] + m.n)
      to.moved[#to.moved + 1] = m.loan
      changedAccount(m.to)
      moved[#moved + 1] = m.loan
    end
  end
  return moved
end

local function item(p, s, a, i)
  local returned = i.ret or 0
  local o = of(p, s)
  set(p, o, HELD, math.max(p.t[o + HELD] - math.max(returned, 0), 0))
  set(p, o, DEMAND, math.max(i.dem or 0, 0))
  set(p, o, AGE, i.age or 0)
  local moved
  if i.moves and i.moves ~= null then
    moved = move(p, s, i.moves)
    o = place(p, s)
  end
  local al = allot(p)
  if l.open and a.clear and p.t[o + DECLARED] >= 0 then give(p, al, o, grant(p, al, o, i.ahead or 0)) end
  return answer(p, al, o, returned > 0, moved)
end

return main(function(op)
  local s = op.session
  if not sameEpoch(op.epoch) then return reply('EPOCH') end
  local a = account(s)
  if not a then return reply('NOSESS') end
  if op.seq < a.seq then return reply('STALE') end
  a.renewals = a.renewals + 1
  changedAccount(s)
  if op.seq == a.seq then
    local last = get('r:' .. s)
    if last then shape('r:' .. s, parse('r:' .. s, last), {status = 'string'}) end
    return last or '{"status":""}'
  end
  a.seq, a.pins = op.seq, some(op.pins)
  a.ack = math.max(a.ack, math.min(op.ack, l.version))
  settle(a)
  local said, names = {}, {}
  for _, i in ipairs(some(op.items)) do
    local p = pot(i.b)
    if p then
      if not said[i.b] then names[#names + 1] = i.b end
      said[i.b] = item(p, s, a, i)
    end
  end
  for n, b in ipairs(names) do names[n] = quote(b) .. ':' .. said[b] end
  local more = {',"clear":', tostring(a.clear), ',"buckets":{', concat(names, ','), '}'}
  if #a.moved > 0 then
    more[#more + 1] = ',"moved":' .. quoted(a.moved)
    a.moved = {}
  end
  if op.ack < l.version then more[#more + 1] = ',"members":' .. memberList() end
  local out = reply('OK', concat(more))
  put('r:' .. s, out)
  return out
end, function(op)
  local fields = {'a:' .. op.session}
  for _, i in ipairs(some(op.items)) do fields[#fields + 1] = 'b:' .. i.b end
  return fields
end)
