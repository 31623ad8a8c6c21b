return main(function(op)
  local a = account(op.session)
  if not sameEpoch(op.epoch) then return reply('EPOCH') end
  if op.config ~= l.config and (#members() > 0 or next(known()) ~= nil) then return reply('CONFIG') end
  if not l.open and known()[op.session] and not a then return reply('REFUSED') end
  if op.config ~= l.config then
    l.config, metaChanged = op.config, true
  end
  if not a then
    newAccount(op.session, true, false)
    if not l.open then addKnown(op.session) end
    setDeclared(op.session, op.declared, false)
  end
  local names = {}
  for b in pairs(some(op.declared)) do names[#names + 1] = b end
  return reply('OK', ',"members":' .. memberList() .. shares(op.session, names))
end, function(op)
  local fields = {'a:' .. op.session, 'members', 'known'}
  for b in pairs(some(op.declared)) do fields[#fields + 1] = 'b:' .. b end
  return fields
end)
