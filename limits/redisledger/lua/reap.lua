-- deathAgreed tells whether so many witnesses agree that the others are no
-- quorum by which the session could still be alive (R10). A witness that was
-- restarted since the session named it counts when it is old: what its
-- predecessor promised has run out.
local function deathAgreed(a, op)
  local agreed, pinned = 0, 0
  for _ in pairs(a.pins) do pinned = pinned + 1 end
  for w, c in pairs(some(op.consents)) do
    if a.booked then
      if c.old then agreed = agreed + 1 end
    elseif a.pins[w] ~= nil and (a.pins[w] == c.boot or c.old) then
      agreed = agreed + 1
    end
  end
  if a.booked then return agreed >= op.quorum end
  if pinned < op.quorum or op.quorum == 0 then return true end -- it never counts on witnesses
  return agreed >= pinned - op.quorum + 1
end

return main(function(op)
  if not sameEpoch(op.epoch) then return reply('EPOCH') end
  local a = account(op.session)
  if not a then return reply('OK') end
  if not l.open or a.renewals ~= op.renewals or not deathAgreed(a, op) then return reply('REFUSED') end
  drop(op.session)
  return reply('OK')
end)
