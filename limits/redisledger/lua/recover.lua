return main(function(op)
  if op.replid ~= id then return reply('DISCONT') end -- meant for another store
  local older = not sameEpoch(op.have) and l.n <= op.have.n
  if l.replid == id and not older then return reply('EPOCH') end -- somebody did it already
  if l.replid == '' then -- what lies about without a head is nobody's
    for _, f in ipairs(fieldNames('')) do put(f, false) end
    knownSet, list = {}, {}
  end
  local all = members()
  for _, s in ipairs(all) do
    addKnown(s)
    put('a:' .. s, false)
    put('r:' .. s, false)
  end
  for _, s in ipairs(some(op.members)) do addKnown(s) end
  list, listChanged = {}, true
  if l.replid ~= '' then
    for _, b in ipairs(allPots()) do removeShares(pot(b)) end
  end
  for b, limit in pairs(some(op.limits)) do keepLimit(b, limit) end
  l.complete = op.memory or l.complete and not l.open and l.replid == id and op.have.n <= l.n
  l.replid, l.open = id, false
  l.n, l.tag = math.max(l.n, op.have.n) + 1, op.tag
  l.config = op.config
  bump()
  if op.open then opened() end
  return reply('OK')
end, nil, true)
