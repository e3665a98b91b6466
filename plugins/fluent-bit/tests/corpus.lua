-- The corpus through the Lua filter: each record, as Fluent Bit hands it over, comes out as Worker::enrich_json writes it.
--
-- Usage: luajit corpus.lua FOLDER LIBRARY   the folder of stormtag.lua, and what cargo makes of plugins/capi/tests/door/corpus.rs

local folder, path = arg[1], arg[2]
package.path = folder .. "/tests/?.lua;" .. package.path
local json = require("json")
local ffi = require("ffi")

local current
STORMTAG = {
    library = path,
    clock = false,
    open = function()
        return ffi.cast("stormtag_worker *", current.worker)
    end,
}
ffi.cdef [[
typedef struct { void *worker; const char *line; size_t line_length; const char *expected; size_t expected_length; const char *name; size_t name_length; } corpus_event;
int corpus_next(corpus_event *);
]]
local corpus = ffi.load(path)
local event = ffi.new("corpus_event")
local null = {}
local events, changed, skipped = 0, 0, 0

while corpus.corpus_next(event) == 1 do
    current = event
    local name = ffi.string(event.name, event.name_length)
    local line = ffi.string(event.line, event.line_length)
    local expected = ffi.string(event.expected, event.expected_length)
    local is_twice = false
    local record = json.read(line, nil, function()
        is_twice = true
    end)
    if is_twice then
        skipped = skipped + 1 -- a table has no key twice
    else
        dofile(folder .. "/stormtag.lua")
        local code, timestamp, out = cb_filter("tag", 1.5, record)
        assert(timestamp == 1.5)
        if code == 0 then
            out = json.read(line)
        else
            assert(code == 2, name)
            changed = changed + 1
        end
        local found = json.difference(out, json.read(expected))
        assert(not found, name .. ": " .. tostring(found))
        -- Once more: nothing is added twice.
        if code == 2 and not expected:find('"message"', 1, true) then
            local before = json.read(expected)
            local again, _, twice = cb_filter("tag", 1.5, json.read(expected))
            local added = again == 2 and json.difference(twice, before)
            assert(not added, name .. ", enriched twice: " .. tostring(added))
        end
    end
    events = events + 1
end
print(events .. " events, " .. changed .. " of them enriched, " .. skipped .. " with a key twice left out")
assert(events >= 300 and changed >= 200 and skipped < 10, "the corpus is larger")
