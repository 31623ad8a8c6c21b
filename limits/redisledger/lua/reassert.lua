-- refusal is the status with which the op ends without effect.
local function refusal(op, a)
  if a and not a.booked and op.seq <= a.seq and a.seq > 0 then return 'STALE' end
  if not l.open then return nil end
  if not a then return 'NOSESS' end
  if not a.booked then return 'STALE' end
  -- Booked: the witnesses' word was an upper bound.
  local own = some(op.own)
  for _, b in ipairs(allPots()) do
    local p = pot(b)
    local o = of(p, op.session)
    if (own[b] or 0) > p.t[o + HELD] then return 'NOSESS' end
  end
  return nil
end

return main(function(op)
  local s = op.session
  local a = account(s)
  if not sameEpoch(op.epoch) then return reply('EPOCH') end
  if op.config ~= l.config then return reply('CONFIG') end
  local no = refusal(op, a)
  if no then return reply(no) end
  a = a or newAccount(s, false, false)
  a.seq, a.pins, a.booked = op.seq, some(op.pins), false
  a.renewals = a.renewals + 1
  changedAccount(s)
  put('r:' .. s, '{"status":"STALE"}')
  for b, limit in pairs(some(op.limits)) do keepLimit(b, limit) end
  for _, b in ipairs(allPots()) do
    local p = pot(b)
    set(p, of(p, s), HELD, 0)
  end
  for b, n in pairs(some(op.own)) do
    local p = potOrNew(b)
    set(p, of(p, s), HELD, n)
  end
  setDeclared(s, op.declared, false)
  if not l.open then
    addKnown(s)
    for _, m in ipairs(some(op.members)) do addKnown(m) end
    if op.memory and not l.complete then
      l.complete, metaChanged = true, true
    end
    openIfAllCame()
  end
  return reply('OK', ',"members":' .. memberList() .. shares(s, allPots()))
end)
