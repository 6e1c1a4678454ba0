"""The wall: what the room sees, and what an instructor does from there.

Two programs. `gatherer` runs as root and listens nowhere: it reads everything that says something
about the class and writes one file of facts. `service` runs without rights and shows it:

    hub users, hosts.json, agents, verdicts, the grader's record, copies and moves, fleet-facts.json
        ─► gatherer ─► facts.json ─► service: facts ─► view ─► HTML ─► browsers

Rooms
    gatherer, hub_users, host_facts,           from what is on disk and answers, to facts
        progress, sources, assistant_queue
    facts                                      the one file between the two programs
    seat_states                                the rules: in, idle, stuck, dead, out of memory
    heat_map, queue, money, extending,         pure: facts to what the wall shows
        copies, view
    own_notices                                pure: what concerns one attendee only
    render, files, labextension                as HTML; as files; as a part of JupyterLab
    help_desk, messages, wishes, presence,     what people tell the wall, and what it tells them
        kept_file
    service, showing, handlers, identity,      the web service
        config, errors, plain
    no_answer                                  what the proxy shows while a server does not answer

A source that is absent or silent is said in words on the wall; it never breaks the page.

Addresses (below /services/wall/)
    ./                         staff: the wall
    state                      staff: its sections as JSON, with an ETag
    messages, messages/gone,   staff: POST with the token of the own session
        done, extend
    help                       everybody: ask for help, take it back
    notices                    everybody: messages to all seats, one's own call and news
    no-answer/STATUS           the proxy: a page in place of its own error
"""
