-- Reads JSON into tables as Fluent Bit hands them over: arrays and objects with a metatable that says which, numbers as doubles, and null as what
-- `null` is, or not at all. For the tests; it trusts its input.

local marks = { array = { type = 1 }, object = { type = 2 } }

local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function utf8(code)
    if code < 0x80 then
        return string.char(code)
    elseif code < 0x800 then
        return string.char(0xc0 + math.floor(code / 64), 0x80 + code % 64)
    elseif code < 0x10000 then
        return string.char(0xe0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
    end
    return string.char(0xf0 + math.floor(code / 262144), 0x80 + math.floor(code / 4096) % 64, 0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
end

local function text(json, at)
    local parts = {}
    at = at + 1
    while true do
        local stop = json:find('["\\]', at)
        parts[#parts + 1] = json:sub(at, stop - 1)
        if json:sub(stop, stop) == '"' then
            return table.concat(parts), stop + 1
        end
        local escape = json:sub(stop + 1, stop + 1)
        at = stop + 2
        if escape == "u" then
            local code = tonumber(json:sub(at, at + 3), 16)
            at = at + 4
            if code >= 0xd800 and code < 0xdc00 and json:sub(at, at + 1) == "\\u" then
                code = 0x10000 + (code - 0xd800) * 1024 + tonumber(json:sub(at + 2, at + 5), 16) - 0xdc00
                at = at + 6
            end
            parts[#parts + 1] = utf8(code)
        else
            parts[#parts + 1] = escapes[escape] or escape
        end
    end
end

-- `twice` is called when an object has a key twice, of which a table can hold one.
local function read(json, null, twice)
    local value

    local function space(at)
        return json:find("[^ \t\r\n]", at) or #json + 1
    end

    function value(at)
        at = space(at)
        local first = json:sub(at, at)
        if first == '"' then
            return text(json, at)
        elseif first == "{" then
            local object = setmetatable({}, marks.object)
            at = space(at + 1)
            while json:sub(at, at) ~= "}" do
                local key, member
                key, at = text(json, at)
                member, at = value(space(at) + 1)
                if rawget(object, key) ~= nil and twice then
                    twice()
                end
                object[key] = member
                at = space(at)
                if json:sub(at, at) == "," then
                    at = space(at + 1)
                end
            end
            return object, at + 1
        elseif first == "[" then
            local array = setmetatable({}, marks.array)
            at = space(at + 1)
            while json:sub(at, at) ~= "]" do
                array[#array + 1], at = value(at)
                at = space(at)
                if json:sub(at, at) == "," then
                    at = space(at + 1)
                end
            end
            return array, at + 1
        end
        local word = json:match("^[^%s,%]}]+", at)
        at = at + #word
        if word == "null" then
            return null, at
        elseif word == "true" or word == "false" then
            return word == "true", at
        end
        return assert(tonumber(word), word), at
    end

    return (value(1))
end

-- Where two values differ, in words; nothing if they do not.
local function difference(a, b, path)
    path = path or "."
    if type(a) ~= "table" or type(b) ~= "table" then
        return a ~= b and (path .. ": " .. tostring(a) .. " is not " .. tostring(b)) or nil
    end
    local mark_a, mark_b = getmetatable(a), getmetatable(b)
    if mark_a and mark_b and mark_a.type ~= mark_b.type then
        return path .. ": one is an array"
    end
    for key, member in pairs(a) do
        if rawget(b, key) == nil then
            return path .. tostring(key) .. " is not in the second"
        end
        local found = difference(member, b[key], path .. tostring(key) .. ".")
        if found then
            return found
        end
    end
    for key in pairs(b) do
        if rawget(a, key) == nil then
            return path .. tostring(key) .. " is not in the first"
        end
    end
end

return { read = read, difference = difference, marks = marks }
