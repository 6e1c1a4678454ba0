"""How work travels: releases to attendees, submissions to the instructor, feedback back.

A small HTTP service of the hub keeps everything; nbgrader's commands and buttons are its clients,
through nbgrader's own exchange plug-in interface. Whose a submission is, the hub's token says;
when it came, the service's clock says; what it is, an immutable snapshot with its sha256 says.

Rooms
    service, handlers, api, uploads, material, pages,  the service, by kind of request
        newest_page
    store, shelf, files                                what is on disk, and how it gets there whole
    arrivals, grading_desk                             what a grader waits for, and what it is at
    archive, member_names                              folders as zip archives, unpacked with care
    identity, tickets                                  who asks, and one-time permission to upload
    records, errors, config                            what is kept and sent, refused, configured
    client, plugins/                                   the other end, in seats and at the grader
    nbgrader_settings                                  the lines of nbgrader_config.py

Protocol (below /services/exchange/; every request but `health` carries `Authorization: token T`)
    GET    health                                open; {"status": "ok"}
    GET    api/assignments                       releases; the caller's own snapshots and feedback
    GET    api/releases/A                        the current version as a zip
    PUT    api/releases/A                        instructors: a new version; same bytes, no change
    DELETE api/releases/A                        instructors: withdraw; versions, submissions stay
    POST   api/tickets                           {"assignment", "size"?, "sha256"?} -> {"ticket"}
    PUT    api/uploads/TICKET                    201 and the record; 409 and the record if used
    GET    api/submissions/A                     instructors: all snapshots of an assignment
    GET    api/submissions/A/USER/ID             the bytes; for the owner and instructors
    POST   api/arrivals                          the grader: {"mark", "seconds", "grading"} -> what
                                                 was handed in after the mark, waiting for it
    PUT    api/feedback/A/USER/ID                instructors: feedback on a snapshot, a zip of pages
    GET    api/feedback/A/USER/ID                the newest feedback; for the owner and instructors
    GET    feedback/, report/                    pages for browsers, with the hub's login

    A refusal is {"error": code, "message": ..., "remedy": ...} with the status of `errors`.
    An upload is repeated with its ticket until an answer comes: 409 with the record means that an
    earlier try arrived; 410 means that the service was restarted before it did, so ask for a new
    ticket. Late submissions are not refused: the time is on record.

Environment of the service (from the supervisor; the token is never an argument)
    JUPYTERHUB_API_TOKEN, JUPYTERHUB_API_URL, JUPYTERHUB_BASE_URL,
    JUPYTERHUB_CLIENT_ID=service-exchange, JUPYTERHUB_SERVICE_NAME=exchange,
    JUPYTERHUB_SERVICE_PREFIX=/services/exchange/

Environment of the plug-ins
    WORKSHOP_EXCHANGE_URL   http://HOST:PORT/services/exchange, direct or by the hub's proxy
    JUPYTERHUB_API_TOKEN    the seat's own token; at the grader that of a service in the config

What jupyterhub_config.py must grant
    services: {"name": "exchange", "url": "http://127.0.0.1:PORT", "api_token": ...,
               "oauth_no_confirm": True}, run by the supervisor, hence without a command
    a role for the groups of attendees and instructors, and for the services that collect
    (`formgrader`, `grader`), with the scope access:services!service=exchange
    the role `server` with users:activity!user, access:servers!server and
    access:services!service=exchange, so that a seat's token carries the last one too
Instructors are the users of `instructor_groups` and the services in `instructor_services` of the
configuration file. A revoked token is believed for `identity_seconds` more.
"""
