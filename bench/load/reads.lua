-- GETs of the paths in a file, one a line, in turn.
-- wrk … -- FILE NAME VALUE …
local requests = {}
local count = 0

function init(args)
  local headers = {}
  for i = 2, #args, 2 do headers[args[i]] = args[i + 1] end
  for path in io.lines(args[1]) do requests[#requests + 1] = wrk.format("GET", path, headers) end
end

function request()
  count = count % #requests + 1
  return requests[count]
end
