-- stormtag for Fluent Bit: a Lua filter over libstormtag, through the FFI of LuaJIT. README.md says how to set it up.
--
-- A record comes in as Lua tables and goes to the library as values, not as JSON; what comes back is only what was found, and is merged into
-- the record: objects merge, arrays take what they do not hold yet, what is there stays. Where nothing was found, the answer is code 0,
-- and Fluent Bit keeps the record as it was, to the last bit. So it is after every failure, which is told once.

local settings = rawget(_G, "STORMTAG") or {}
local stormtag = {}

local told, messages = {}, 0

-- Messages after which no more is said of records: an attacker writes those.
local MESSAGES = 20

local function say(text)
    local log = settings.log or function(line) io.stderr:write(line, "\n") end
    log("[stormtag] " .. text)
end

-- Says something, once.
local function tell(text)
    if not told[text] and messages < MESSAGES then
        told[text], messages = true, messages + 1
        say(text)
    end
end

local has_ffi, ffi = pcall(require, "ffi")

if not has_ffi then
    tell("this build of Fluent Bit has no LuaJIT with FFI; records pass unchanged")
    function cb_filter(_, timestamp, _)
        return 0, timestamp
    end
    return stormtag
end

ffi.cdef [[
typedef struct stormtag_config stormtag_config;
typedef struct stormtag_worker stormtag_worker;
typedef struct { char *data; size_t length; } stormtag_bytes;
typedef struct {
    uint32_t kind;
    size_t length;
    union { int64_t integer; double number; const char *text; } of;
} stormtag_value;
uint32_t stormtag_abi_version(void);
const char *stormtag_last_error(void);
int stormtag_open(const char *, stormtag_config **);
int stormtag_watch(stormtag_config *);
int stormtag_next_outcome(stormtag_config *, int *, stormtag_bytes *, uint64_t *);
int stormtag_close(stormtag_config *);
int stormtag_worker_open(stormtag_config *, stormtag_worker **);
int stormtag_worker_close(stormtag_worker *);
int stormtag_set_clock(stormtag_worker *, const int64_t *);
int stormtag_enrich_values(stormtag_worker *, const stormtag_value *, size_t, const stormtag_value **, size_t *, size_t *);
void stormtag_free(stormtag_bytes *);
]]

local ABI = 1
local NULL, BOOL, INTEGER, NUMBER, TEXT, ARRAY, OBJECT = 0, 1, 2, 3, 4, 5, 6

-- The library nests no deeper.
local DEPTH = 128

-- Values of one record. More are an attack, or a table that another script has broken.
local MOST = 4194304

-- Records between two looks at what the watching thread has told.
local LOOK = 4096

local type, next, floor, rawget, rawset = type, next, math.floor, rawget, rawset
local getmetatable, setmetatable, maxn = getmetatable, setmetatable, table.maxn

local library, config, worker

local patch_out = ffi.new("const stormtag_value *[1]")
local count_out = ffi.new("size_t[1]")
local second = ffi.new("int64_t[1]")
local FIRST, KEPT = 512, 65536
local capacity = FIRST
local values = ffi.new("stormtag_value[?]", capacity)

-- What Fluent Bit wrote into the metatable of a table: 1 array, 2 object.
local function mark_of(value)
    local metatable = getmetatable(value)
    local mark = type(metatable) == "table" and rawget(metatable, "type")
    return type(mark) == "number" and mark or nil
end

-- Whether a table is an array. Where nothing is written, as in tables of other scripts, it looks for numbers, as Fluent Bit does.
local function is_array(value)
    local mark = mark_of(value)
    if mark then
        return mark == 1
    end
    return rawget(value, 1) ~= nil
end

-- Elements of an array. Those that were null are holes, unless enable_flb_null is set; `#` may stop at one.
local function length_of(array)
    return mark_of(array) == 1 and maxn(array) or #array
end

-- Twice the room. What is there is copied; the texts are the record's, which holds them.
local function grow()
    if capacity >= MOST then
        error("the record has more than " .. MOST .. " values", 0)
    end
    local larger = ffi.new("stormtag_value[?]", capacity * 2)
    ffi.copy(larger, values, ffi.sizeof("stormtag_value") * capacity)
    values, capacity = larger, capacity * 2
end

-- Writes a value, and all that belongs to it, at a place; gives the place behind it.
local function put(value, at, depth)
    if at >= capacity then
        grow()
    end
    local slot, kind = values[at], type(value)
    if kind == "string" then
        slot.kind, slot.length, slot.of.text = TEXT, #value, value
        return at + 1
    elseif kind == "number" then
        if value == floor(value) and value > -9007199254740992 and value < 9007199254740992 then
            slot.kind, slot.of.integer = INTEGER, value
        elseif value - value == 0 then
            slot.kind, slot.of.number = NUMBER, value
        else
            slot.kind = NULL -- JSON has no word for what is no number, nor for infinity
        end
        return at + 1
    elseif kind == "table" then
        if depth == DEPTH then
            error("the record is nested deeper than " .. DEPTH, 0)
        end
        local behind, length = at + 1, 0
        if is_array(value) then
            length = length_of(value)
            for index = 1, length do
                behind = put(rawget(value, index), behind, depth + 1)
            end
            slot = values[at] -- it may have grown
            slot.kind, slot.length = ARRAY, length
        else
            for key, member in next, value do
                -- What has no name leads nowhere.
                if type(key) == "string" then
                    behind = put(member, put(key, behind, depth), depth + 1)
                    length = length + 1
                end
            end
            slot = values[at]
            slot.kind, slot.length = OBJECT, length
        end
        return behind
    elseif kind == "boolean" then
        slot.kind, slot.of.integer = BOOL, value and 1 or 0
        return at + 1
    end
    slot.kind = NULL -- flb_null, and what no record has
    return at + 1
end

-- What Fluent Bit marks arrays and objects with, so that an array without elements stays one.
local array_mark, object_mark = { type = 1 }, { type = 2 }

-- Reads a value of the patch at a place; gives it, and the place behind it.
local function take(patch, at)
    local value = patch[at]
    local kind = value.kind
    if kind == TEXT then
        return ffi.string(value.of.text, value.length), at + 1
    elseif kind == INTEGER then
        return tonumber(value.of.integer), at + 1
    elseif kind == NUMBER then
        return value.of.number, at + 1
    elseif kind == BOOL then
        return value.of.integer ~= 0, at + 1
    elseif kind == OBJECT then
        local object, left = {}, tonumber(value.length)
        at = at + 1
        for _ = 1, left do
            local key, member
            key, at = take(patch, at)
            member, at = take(patch, at)
            object[key] = member
        end
        return setmetatable(object, object_mark), at
    elseif kind == ARRAY then
        local array, left = {}, tonumber(value.length)
        at = at + 1
        for index = 1, left do
            array[index], at = take(patch, at)
        end
        return setmetatable(array, array_mark), at
    end
    return rawget(_G, "flb_null"), at + 1
end

-- Whether two values say the same.
local function equal(a, b)
    if a == b then
        return true
    elseif type(a) ~= "table" or type(b) ~= "table" then
        return false
    end
    for key, value in next, a do
        if not equal(value, rawget(b, key)) then
            return false
        end
    end
    for key in next, b do
        if rawget(a, key) == nil then
            return false
        end
    end
    return true
end

local function append(array, items)
    local held = length_of(array)
    local last = held
    for _, item in ipairs(items) do
        local is_held = false
        for index = 1, held do
            if equal(rawget(array, index), item) then
                is_held = true
                break
            end
        end
        if not is_held then
            last = last + 1
            rawset(array, last, item)
        end
    end
end

-- Whether a key of the object begins so: then what is added beside it is spelled with dots too.
local function has_dotted(object, prefix)
    for key in next, object do
        if type(key) == "string" and #key >= #prefix and key:sub(1, #prefix) == prefix then
            return true
        end
    end
    return false
end

-- Whether it may be an array as well as an object.
local function is_bare(value)
    return next(value) == nil and getmetatable(value) == nil
end

-- Merges a patch into an object, whose members stand there behind a prefix.
local function merge(object, patch, prefix)
    for name, value in next, patch do
        local key = prefix .. name
        local there = rawget(object, key)
        if there ~= nil then
            if type(there) == "table" and type(value) == "table" then
                if is_array(value) then
                    if is_array(there) or is_bare(there) then
                        append(there, value)
                    end
                elseif not is_array(there) then
                    merge(there, value, "")
                end
            end
        elseif type(value) == "table" and not is_array(value) and has_dotted(object, key .. ".") then
            merge(object, value, key .. ".")
        else
            rawset(object, key, value)
        end
    end
end

local function last_error()
    return ffi.string(library.stormtag_last_error())
end

-- What the watching thread came to.
local function look()
    local outcome, text = ffi.new("int[1]"), ffi.new("stormtag_bytes")
    while library.stormtag_next_outcome(config, outcome, text, nil) == 0 do
        say(ffi.string(text.data, text.length))
        library.stormtag_free(text)
    end
end

local function load_library()
    local names = settings.library and { settings.library } or { "libstormtag.so.1", "stormtag" }
    local why
    for _, name in ipairs(names) do
        local loaded
        loaded, why = pcall(ffi.load, name)
        if loaded then
            return why
        end
    end
    error("libstormtag cannot be loaded: " .. tostring(why), 0)
end

-- Opens library, configuration and worker. What cannot be opened now will not be tried again with each record.
local function open()
    library = load_library()
    local abi = library.stormtag_abi_version()
    if abi ~= ABI then
        error("libstormtag has ABI " .. abi .. ", this filter is for ABI " .. ABI, 0)
    end
    local out = ffi.new("stormtag_worker *[1]")
    if settings.open then
        out[0] = settings.open(library)
    else
        local path = settings.config or os.getenv("STORMTAG_CONFIG") or "/etc/stormtag/stormtag.toml"
        local opened = ffi.new("stormtag_config *[1]")
        if library.stormtag_open(path, opened) ~= 0 then
            error(last_error(), 0)
        end
        config = opened[0]
        if settings.watch ~= false and library.stormtag_watch(config) ~= 0 then
            tell("files are not watched: " .. last_error())
        end
        if library.stormtag_worker_open(config, out) ~= 0 then
            error(last_error(), 0)
        end
    end
    worker = out[0]
    -- Freed with the state, should Fluent Bit reload itself. In this order: worker, configuration, library.
    stormtag.keeper = newproxy(true)
    getmetatable(stormtag.keeper).__gc = function()
        stormtag.close()
    end
end

-- Closes what is open; records pass unchanged from then on.
function stormtag.close()
    if worker and not settings.open then
        library.stormtag_worker_close(worker)
        library.stormtag_close(config)
    end
    worker, config = nil, nil
end

local records, clock = 0, nil

-- Judges records without a time of their own at the time that Fluent Bit has for them.
local function set_clock(timestamp)
    local seconds = type(timestamp) == "table" and timestamp.sec or timestamp
    if type(seconds) ~= "number" or seconds ~= seconds then
        return
    end
    seconds = floor(seconds)
    if seconds ~= clock and seconds > -9e15 and seconds < 9e15 then
        second[0] = seconds
        library.stormtag_set_clock(worker, second)
        clock = seconds
    end
end

local function filter(timestamp, record)
    records = records + 1
    if config and records % LOOK == 0 then
        look()
    end
    if settings.clock ~= false then
        set_clock(timestamp)
    end
    if capacity > KEPT then
        capacity = FIRST -- a large one came before
        values = ffi.new("stormtag_value[?]", capacity)
    end
    local count = put(record, 0, 0)
    stormtag.count = count
    if library.stormtag_enrich_values(worker, values, count, patch_out, count_out, nil) ~= 0 then
        error(last_error(), 0)
    elseif count_out[0] == 0 then
        return false
    end
    merge(record, (take(patch_out[0], 0)), "")
    return true
end

local opened, why = pcall(open)
if not opened then
    tell(why .. "; records pass unchanged")
    worker = nil
end

-- For tests/cost.lua: the call alone, with the last record.
if settings.see then
    settings.see({
        call = function()
            library.stormtag_enrich_values(worker, values, stormtag.count, patch_out, count_out, nil)
        end,
    })
end

-- What Fluent Bit calls with each record: code 2 where something was added, else 0, for which it asks for no record.
function cb_filter(_, timestamp, record)
    if not worker or type(record) ~= "table" then
        return 0, timestamp
    end
    local done, changed = pcall(filter, timestamp, record)
    if not done then
        tell(tostring(changed) .. "; such records pass unchanged, and this is told once")
        return 0, timestamp
    elseif not changed then
        return 0, timestamp
    end
    return 2, timestamp, record
end

return stormtag
