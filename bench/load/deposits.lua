-- Deposits, each with a body (and where wanted a path) of its own.
-- wrk … -- RUN METHOD PATH SIZE FIELD NAME VALUE NAME VALUE …
-- {n} in PATH is replaced by something new each time; FIELD: that of a form, - for raw bodies.
local run, method, path, size, field
local headers = {}
local filler, before, after
local count = 0

function init(args)
  run, method, path, size, field = args[1], args[2], args[3], tonumber(args[4]), args[5]
  for i = 6, #args, 2 do headers[args[i]] = args[i + 1] end
  filler = string.rep("0123456789abcdef", math.ceil(size / 16))
  before, after = "", ""
  if field ~= "-" then
    local boundary = "----coatcheck-bench-" .. run
    headers["Content-Type"] = "multipart/form-data; boundary=" .. boundary
    before = "--" .. boundary .. "\r\nContent-Disposition: form-data; name=\"" .. field
      .. "\"; filename=\"bench.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    after = "\r\n--" .. boundary .. "--\r\n"
  end
end

function request()
  count = count + 1
  local unique = run .. "-" .. count
  local body = (unique .. filler):sub(1, size)
  return wrk.format(method, path:gsub("{n}", unique), headers, before .. body .. after)
end
