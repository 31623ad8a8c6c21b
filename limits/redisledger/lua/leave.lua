return main(function(op)
  if account(op.session) then drop(op.session) end
  removeKnown(op.session)
  openIfAllCame()
  return reply('OK')
end)
