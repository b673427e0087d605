-- What an application does: leave attachments, claim most of them one by one, delete some.
-- wrk … -- RUN SIZE NAME VALUE …
local run, size
local headers = {}
local filler
local count = 0
local left = {}

function init(args)
  run, size = args[1], tonumber(args[2])
  for i = 3, #args, 2 do headers[args[i]] = args[i + 1] end
  filler = string.rep("0123456789abcdef", math.ceil(size / 16))
end

function request()
  count = count + 1
  local unique = run .. "-" .. count
  local id = #left > 0 and table.remove(left, 1)
  if not id then
    return wrk.format("POST", "/coatcheck/v1/attachments", headers, (unique .. filler):sub(1, size))
  elseif count % 5 == 0 then
    return wrk.format("DELETE", "/coatcheck/v1/attachments/" .. id, headers)
  end
  local claim = '{"container": {"kind": "ticket", "id": "' .. unique .. '"}, "attachments": [' .. id .. "]}"
  return wrk.format("POST", "/coatcheck/v1/claims", headers, claim)
end

function response(status, _, body)
  local id = status == 201 and body:match('"id":%s*(%d+)')
  if id then left[#left + 1] = id end
end
