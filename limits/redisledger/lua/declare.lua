return main(function(op)
  if not sameEpoch(op.epoch) then return reply('EPOCH') end
  local a = account(op.session)
  if not a then return reply('NOSESS') end
  if op.no > a.told then
    a.told = op.no
    changedAccount(op.session)
    setDeclared(op.session, op.declared, op.change)
  end
  local names = {}
  for b in pairs(some(op.declared)) do names[#names + 1] = b end
  return reply('OK', shares(op.session, names))
end, function(op)
  local fields = {'a:' .. op.session}
  for b in pairs(some(op.declared)) do fields[#fields + 1] = 'b:' .. b end
  return fields
end)
