-- drop ends a session: what it held is free.
local function drop(s)
  removeAccount(s)
  for _, b in ipairs(allPots()) do removeShare(pot(b), s) end
  bump()
end
