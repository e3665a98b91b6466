-- The Lua filter with records as Fluent Bit hands them over, and as nobody should.
--
-- Usage: luajit filter.lua FOLDER LIBRARY CONFIG SCRATCH   the folder of stormtag.lua, libstormtag, examples/stormtag.toml, a folder to write in

local folder, library, config, scratch = arg[1], arg[2], arg[3], arg[4]
package.path = folder .. "/tests/?.lua;" .. package.path
local json = require("json")

local said = {}
local function log(line)
    said[#said + 1] = line
end

local function load(settings)
    settings.log = log
    STORMTAG = settings
    said = {}
    return dofile(folder .. "/stormtag.lua")
end

local function record(text, null)
    return json.read(text, null)
end

local function same(a, b, name)
    local found = json.difference(a, b)
    assert(not found, name .. ": " .. tostring(found))
end

local function silent()
    assert(#said == 0, said[1])
end

load({ library = library, config = config, watch = false })
silent()

-- What is known is added, and what was there stays: integers, arrays, arrays without elements, nested tables, null.
local null = newproxy() -- a userdata, as flb_null is
flb_null = null
local text = [=[{"ts":1705081509,"id.resp_h":"45.63.60.39","port":443,"share":0.5,"tags":["a",["b"],[]],"none":[],"deep":{"a":{"b":[{}]}},"gone":null,"yes":true}]=]
local code, timestamp, out = cb_filter("zeek", 1705081509.25, record(text, null))
assert(code == 2 and timestamp == 1705081509.25)
assert(out.threat.enrichments[1].indicator.ip == "45.63.60.39")
assert(out.destination.geo.country_iso_code, "the databases know it")
assert(getmetatable(out.threat.enrichments).type == 1 and getmetatable(out.threat).type == 2)
local before = record(text, null)
for key, value in pairs(before) do
    same(out[key], value, key)
end
assert(out.gone == null)
flb_null = nil

-- What nobody knows goes back by code 0, for which Fluent Bit keeps its own bytes.
local untouched = { "{}", [[{"message":"hello","n":9007199254740993}]], [=[{"a":[[[]]],"b":{"c":1e300}}]=] }
for _, line in ipairs(untouched) do
    local given = record(line)
    local answer, at, same_record = cb_filter("tag", { sec = 5, nsec = 7 }, given)
    assert(answer == 0 and at.sec == 5 and at.nsec == 7 and same_record == nil, line)
    same(given, record(line), line)
end

-- Objects merge, arrays take what they do not hold yet, a scalar stays; dots are followed.
local function destination(line)
    local answer, _, result = cb_filter("tag", 1, record(line))
    assert(answer == 2, line)
    return result
end
local merged = destination([[{"destination":{"ip":"45.63.60.39","geo":{"country_iso_code":"XX"}}}]])
assert(merged.destination.geo.country_iso_code == "XX" and merged.destination.geo.city_name)
local dotted = destination([[{"destination.ip":"45.63.60.39"}]])
assert(dotted.destination == nil and dotted["destination.geo"].city_name)
local held = destination([[{"destination":{"ip":"45.63.60.39"},"related":{"ip":["45.63.60.39"]}}]])
assert(#held.related.ip == 1, "not held twice")
local in_the_way = destination([[{"destination":{"ip":"45.63.60.39"},"threat":"none"}]])
assert(in_the_way.threat == "none")

-- The time of Fluent Bit is that of the record where it has none: seconds, or a table with time_as_table.
local quiet = [[{"query":"www.harvest-mail.example"}]]
for _, time in ipairs({ 1705081509.5, { sec = 1705081509, nsec = 500000000 } }) do
    local answer, at, result = cb_filter("dns", time, record(quiet))
    assert(answer == 2 and at == time)
    assert(result.threat.enrichments[1].matched.occurred == "2024-01-12T17:45:09Z")
end
for _, time in ipairs({ 0 / 0, 1 / 0, -1 / 0, 1e300, "now", {}, true }) do
    assert(cb_filter("dns", time, record(quiet)) == 2, tostring(time))
end

-- Records that nobody should hand over. None of them is lost, and none ends the filter.
silent()
local nested = { query = "www.harvest-mail.example" }
for _ = 1, 120 do
    nested = { a = nested }
end
local too_deep = nested
for _ = 1, 5000 do
    too_deep = { too_deep, a = too_deep }
end
local huge = ("x"):rep(30 * 1024 * 1024)
local many = {}
for index = 1, 20000 do
    many["k" .. index] = { index, tostring(index) }
end
local hostile = {
    { "deep", { a = nested }, 0 },
    { "huge", { message = huge, [huge] = 1 }, 0 },
    { "many", many, 0 },
    { "functions and more", { f = print, c = coroutine.create(print), u = newproxy(), n = 0 / 0, i = 1 / 0, m = -1 / 0 }, 0 },
    { "numbers as keys", { [1.5] = "a", [-1] = "b", [2 ^ 60] = "c", [0] = "d" }, 0 },
    { "mixed", { list = { "a", "b", x = { "c", y = "d" }, [10] = "e" } }, 0 },
    { "holes", { list = { 1, nil, 3 } }, 0 },
    { "null in an array", { answers = setmetatable({ [3] = "45.63.60.39" }, { type = 1 }), ts = 1705081509 }, 2 },
    { "bytes", { ["\0\255"] = "\255\254\0", message = "from 45.63.60.39\0 \255" }, 2 },
    { "other marks", setmetatable({ a = setmetatable({}, { type = "x" }), b = setmetatable({}, { type = 99 }) }, { type = 0 }), 0 },
    { "metatables that lie", setmetatable({ query = "www.harvest-mail.example" }, { __index = error, __newindex = error, __pairs = error, __len = error }), 2 },
    { "no table", "record", 0 },
    { "nothing", nil, 0 },
}
for _, case in ipairs(hostile) do
    local name, given, expected = case[1], case[2], case[3] or 0
    local answer, _, result = cb_filter("tag", 1705081509, given)
    assert(answer == expected, name .. ": " .. tostring(answer) .. " " .. tostring(said[1]))
    assert(name ~= "bytes" or (result["\0\255"] == "\255\254\0" and result.message == "from 45.63.60.39\0 \255"))
end
silent()
local endless = { list = setmetatable({ "a", [2 ^ 40] = "b" }, { type = 1 }) }
for _, case in ipairs({ { too_deep, "nested deeper than 128" }, { endless, "more than 4194304 values" }, { { "a" }, "begins with an object" } }) do
    said = {}
    for _ = 1, 3 do
        assert(cb_filter("tag", 1, case[1]) == 0)
    end
    assert(#said == 1 and said[1]:find(case[2], 1, true) and said[1]:find("told once", 1, true), said[1])
end
assert(cb_filter("tag", 1, record(quiet)) == 2, "and goes on")

-- What cannot be opened is told once, with its reason, and records pass.
for _, case in ipairs({
    { { library = "/nowhere/libstormtag.so", config = config }, "/nowhere/libstormtag.so" },
    { { library = library, config = scratch .. "/missing.toml" }, "missing.toml" },
    { { library = "libc.so.6", config = config }, "stormtag_abi_version" },
}) do
    load(case[1])
    for _ = 1, 3 do
        assert(cb_filter("tag", 1, record(quiet)) == 0)
    end
    assert(#said == 1 and said[1]:find(case[2], 1, true) and said[1]:find("pass unchanged", 1, true), said[1])
end

-- Without FFI.
local preload, loaded, searchers = package.preload.ffi, package.loaded.ffi, package.loaders
package.preload.ffi, package.loaded.ffi, package.loaders = nil, nil, { function() return "none" end }
load({})
package.preload.ffi, package.loaded.ffi, package.loaders = preload, loaded, searchers
assert(cb_filter("tag", 1, record(quiet)) == 0)
assert(#said == 1 and said[1]:find("no LuaJIT with FFI", 1, true), said[1])

-- Files that change are followed, and it is told.
local function write(name, content)
    local path = scratch .. "/" .. name
    local file = assert(io.open(path .. ".new", "w"))
    assert(file:write(content))
    assert(file:close())
    assert(os.rename(path .. ".new", path)) -- never half of it
end
write("feed.txt", "evil.example\n")
write("stormtag.toml", '[catalog]\nbuiltin = false\n[reload]\ndebounce = "0s"\npoll = "100ms"\n[[feed]]\npath = "feed.txt"\n')
local filter = load({ library = library, config = scratch .. "/stormtag.toml" })
silent()
local evil, worse = [[{"query":"evil.example"}]], [[{"query":"worse.example"}]]
assert(cb_filter("tag", 1, record(evil)) == 2 and cb_filter("tag", 1, record(worse)) == 0)
write("feed.txt", "evil.example\nworse.example\n")
local deadline = os.time() + 60
while cb_filter("tag", 1, record(worse)) == 0 do
    assert(os.time() < deadline, "the file has changed")
end
for _ = 1, 5000 do
    cb_filter("tag", 1, {})
end
assert(#said == 1 and said[1]:find("published generation", 1, true), said[1])
filter.close()
assert(cb_filter("tag", 1, record(evil)) == 0, "closed")
filter.close()

print("all held")
