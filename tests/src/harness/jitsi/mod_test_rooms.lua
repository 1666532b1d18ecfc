-- What a test sees and does as an administrator: who is in a room, whatever clients show; a room that is closed.
local array = require "util.array";
local json = require "util.json";

module:depends("http");

local function room_of(name)
    local rooms = prosody.hosts["conference.meet.test"].modules.muc;
    return rooms.get_room_from_jid(name .. "@conference.meet.test");
end

local function listed(_, name)
    local members, room = {}, room_of(name);
    if room then
        for _, occupant in room:each_occupant() do
            members[#members + 1] = occupant.bare_jid;
        end
    end
    return { status_code = 200, headers = { content_type = "application/json" }, body = json.encode(array(members)) };
end

local function closed(_, name)
    local room = room_of(name);
    if room then room:destroy(nil, "The meeting was ended"); end
    return room and 200 or 404;
end

module:provides("http", {
    default_path = "/test";
    route = { ["GET /rooms/*"] = listed; ["POST /close/*"] = closed; };
});
