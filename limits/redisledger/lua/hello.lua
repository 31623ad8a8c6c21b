return main(function() return reply('OK') end)
