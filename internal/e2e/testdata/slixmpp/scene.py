"""What the operations have in common: the people, and rooms that begin configured and with people in them."""
from user import presence

CONFIG = "muc#roomconfig_"


class Scene:
    """Juliet owns every room; Romeo, the nurse and Tybalt enter by their names as nicks."""

    def __init__(self, service, prefix, juliet, romeo, nurse, tybalt, another):
        self.service, self.prefix, self.another = service, prefix, another
        self.juliet, self.romeo, self.nurse, self.tybalt = juliet, romeo, nurse, tybalt
        self.people = {"juliet": juliet, "romeo": romeo, "nurse": nurse, "tybalt": tybalt}
        self.pauses = 0
        self.kept = {}  # what an operation leaves for a later one

    def name(self, name):
        return f"{self.prefix}-{name}@{self.service}"

    async def room(self, name, *guests, **config):
        """A new room of Juliet's, configured before anybody else enters (XEP-0045 §10.1)."""
        room = self.name(name)
        created, *_ = await self.juliet.enter(room, "juliet")
        assert presence(room, "juliet", "201", affiliation="owner", role="moderator")(created), str(created)
        await self.juliet.configure(room, **{CONFIG + k: v for k, v in config.items()})
        for guest in guests:
            await self.enter(room, guest)
        return room

    async def enter(self, room, who, **options):
        """Lets somebody enter and waits until everybody who is there knows."""
        result = await self.people[who].enter(room, who, **options)
        for other in sorted(self.inside(room) - {who}):
            await self.people[other].until(f"{who} enters", presence(room, who))
        self.inside(room).add(who)
        return result

    def inside(self, room):
        return self.kept.setdefault(("inside", room), {"juliet"})

    def gone(self, room, who):
        self.inside(room).discard(who)

    async def pause(self, room, *people):
        """Lets Juliet speak, and returns what each of these people got before they heard it."""
        self.pauses += 1
        text = f"pause {self.pauses}"
        self.juliet.say(room, text)
        return [await p.before(room, "juliet", text) for p in people]

    async def see(self, what, match, *people):
        """All of these people see the same; returns what each saw."""
        return [await p.until(what, match) for p in people]


def operation(table):
    """Registers a coroutine function under its name, with dashes."""
    def register(f):
        table[f.__name__.replace("_", "-")] = f
        return f
    return register
