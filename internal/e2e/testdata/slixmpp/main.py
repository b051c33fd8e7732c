"""Operations of XEP-0045 and around it by an unmodified slixmpp, against rooms behind a real server.

usage: main.py HOST PORT ROOMS_DOMAIN DOMAIN PREFIX PASSWORD
The accounts are juliet, romeo, nurse and tybalt with PREFIX and a dash before; the rooms' names begin so, too. Reads names of operations
from standard input, one a line, and answers each with one line of JSON: op, ok, and error if it was not observed as it should be.
"""
import asyncio
import json
import os
import sys
import traceback

import around
import lists
import moderator
import occupant
import owner
import service
from scene import Scene
from user import STEP_SECONDS, User

OPERATIONS = {**occupant.OPERATIONS, **moderator.OPERATIONS, **lists.OPERATIONS, **owner.OPERATIONS, **around.OPERATIONS, **service.OPERATIONS}
OPERATION_SECONDS = 300


async def connect(jid, password, address):
    user = User(jid, password)
    user.connect(address=address, disable_starttls=True, use_ssl=False)
    await asyncio.wait_for(user.online, STEP_SECONDS)
    return user


async def main(out, host, port, service, domain, prefix, password):
    address = (host, int(port))

    def another(name, resource="another"):
        return connect(f"{prefix}-{name}@{domain}/{resource}", password, address)
    people = [await another(name, "slixmpp") for name in ("juliet", "romeo", "nurse", "tybalt")]
    scene = Scene(service, prefix, *people, another)
    loop = asyncio.get_event_loop()
    while name := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        answer = {"op": name, "ok": True}
        try:
            await asyncio.wait_for(OPERATIONS[name](scene), OPERATION_SECONDS)
        except AssertionError as failure:
            answer |= {"ok": False, "error": str(failure)}
        except Exception:  # what went wrong is the answer
            answer |= {"ok": False, "error": traceback.format_exc()}
        print(json.dumps(answer), file=out, flush=True)
    for user in people:
        await user.disconnect()


if __name__ == "__main__":
    # slixmpp 1.8 prints delays of history to standard output.
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    asyncio.get_event_loop().run_until_complete(main(results, *sys.argv[1:]))
