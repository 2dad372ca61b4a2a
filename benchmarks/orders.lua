-- Each thread buys its own tickets, one after the other, each with the token of its line.
-- LOAD names a file of "token ticket" lines a thread; ONE=1 makes all of them want one ticket.
local threads = 0
local all = {}

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
    table.insert(all, thread)
end

function init(args)
    bad, wanted, at = 0, 201, 0
    if os.getenv("ONE") then wanted = 409 end
    bodies, headers = {}, {}
    for line in io.lines(os.getenv("LOAD") .. "." .. number) do
        local token, ticket = line:match("(%S+) (%S+)")
        table.insert(bodies, '{"ticketId":"' .. ticket .. '"}')
        table.insert(headers, {["Authorization"] = "Bearer " .. token,
                               ["Content-Type"] = "application/json"})
    end
end

function request()
    at = at + 1
    if at > #bodies then
        if wanted == 201 then bad = bad + 1 end
        at = 1
    end
    return wrk.format("POST", "/api/orders", headers[at], bodies[at])
end

-- Of those who want one ticket somebody gets it, and is told so again when asking again.
function response(status)
    local held = wanted == 409 and (status == 200 or status == 201)
    if status ~= wanted and not held then bad = bad + 1 end
end

function done(summary, latency, requests)
    local bad = 0
    for _, thread in ipairs(all) do bad = bad + thread:get("bad") end
    io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration, bad,
        latency:percentile(50), latency:percentile(99)))
end
