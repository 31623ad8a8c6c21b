return main(function()
  fetchAccounts()
  local held = {}
  for _, b in ipairs(allPots()) do
    local t = pot(b).t
    for o = FIRST, #t, WIDTH do
      if t[o + HELD] > 0 then
        local h = held[t[o]] or {}
        h[#h + 1] = quote(b) .. ':' .. int(t[o + HELD])
        held[t[o]] = h
      end
    end
  end
  local sessions = {}
  for i, s in ipairs(members()) do
    local a = account(s)
    if not a then damaged('a:' .. s, 'is missing') end
    sessions[i] = format('%s:{"renewals":%.0f,"booked":%s,"clear":%s,"pins":%s,"held":{%s}}', quote(s), a.renewals,
      tostring(a.booked), tostring(a.clear), next(a.pins) ~= nil and quote(a.pins) or '{}', concat(held[s] or {}, ','))
  end
  local missing = {}
  for s in pairs(known()) do
    if not account(s) then missing[#missing + 1] = s end
  end
  table.sort(missing, before)
  return reply('OK', ',"sessions":{' .. concat(sessions, ',') .. '},"missing":' .. quoted(missing))
end)
