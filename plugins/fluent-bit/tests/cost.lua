-- What the filter costs beside the call into the library: nanoseconds a record, in turns, the median.
--
-- Usage: luajit cost.lua FOLDER LIBRARY CONFIG [CALLS]   calls of each of 31 rounds, 2000 if it is not said

local folder, library, config = arg[1], arg[2], arg[3]
package.path = folder .. "/tests/?.lua;" .. package.path
local json = require("json")
local ffi = require("ffi")

local seen
STORMTAG = { library = library, config = config, watch = false, clock = false, see = function(measured)
    seen = measured
end }
dofile(folder .. "/stormtag.lua")

local lines = {
    { "nothing known, 11 fields", [[{"ts":1705081509,"uid":"CqX1b4","id.orig_h":"10.0.0.7","id.orig_p":51234,"id.resp_h":"10.9.8.7","id.resp_p":443,"proto":"tcp","service":"ssl","orig_bytes":1234,"resp_bytes":9876,"note":"x"}]] },
    { "located, 11 fields", [[{"ts":1705081509,"uid":"CqX1b4","id.orig_h":"10.0.0.7","id.orig_p":51234,"id.resp_h":"11.22.33.9","id.resp_p":443,"proto":"tcp","service":"ssl","orig_bytes":1234,"resp_bytes":9876,"note":"x"}]] },
    { "matched, 11 fields", [[{"ts":1705081509,"uid":"CqX1b4","id.orig_h":"10.0.0.7","id.orig_p":51234,"id.resp_h":"203.0.113.77","id.resp_p":443,"proto":"tcp","service":"ssl","orig_bytes":1234,"resp_bytes":9876,"note":"x"}]] },
}

local ROUNDS, EACH = 31, tonumber(arg[4] or 2000)

local function time(run, ...)
    local start = os.clock()
    for _ = 1, EACH do
        run(...)
    end
    return (os.clock() - start) / EACH * 1e9
end

local function copy(value)
    if type(value) ~= "table" then
        return value
    end
    local new = {}
    for key, member in next, value do
        new[key] = copy(member)
    end
    return new
end

for _, line in ipairs(lines) do
    local name, record = line[1], json.read(line[2])
    local original = copy(record)
    local function filter()
        local code, _, out = cb_filter("tag", 1, record)
        if code == 2 then
            for key in next, out do
                if original[key] == nil then
                    out[key] = nil
                end
            end
        end
    end
    filter()
    -- What was added, copied once by Lua: what no filter in Lua can do without.
    local _, _, out = cb_filter("tag", 1, json.read(line[2]))
    local added = {}
    for key, value in next, out or {} do
        if original[key] == nil then
            added[key] = value
        end
    end
    local measured = { {}, {}, {}, {} }
    for round = 1, ROUNDS do
        measured[1][round] = time(filter)
        measured[2][round] = time(seen.call)
        measured[3][round] = time(copy, original)
        measured[4][round] = time(copy, added)
    end
    local medians = {}
    for index, times in ipairs(measured) do
        table.sort(times)
        medians[index] = times[math.floor(ROUNDS / 2) + 1]
    end
    print(("%s: %.0f ns a record, of these %.0f in the call, %.0f in Lua; Lua copies the record in %.0f, what was added in %.0f"):format(
        name, medians[1], medians[2], medians[1] - medians[2], medians[3], medians[4]))
end
