return main(function(op)
  if not sameEpoch(op.epoch) then return reply('EPOCH') end
  if l.open then return reply('OK') end
  local booked, missing = some(op.booked), {}
  for _, s in ipairs(some(op.missing)) do missing[s] = true end
  for s in pairs(known()) do
    if not account(s) and booked[s] == nil and not missing[s] then
      return reply('REFUSED') -- it became known after the witnesses were asked
    end
  end
  local names = {}
  for s in pairs(booked) do
    if not account(s) then names[#names + 1] = s end
  end
  table.sort(names, before)
  for _, s in ipairs(names) do
    newAccount(s, false, true)
    for b, n in pairs(some(booked[s])) do
      local p = potOrNew(b)
      set(p, of(p, s), HELD, n)
    end
  end
  opened()
  return reply('OK')
end)
