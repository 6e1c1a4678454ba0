"""The least that the credentials of an instructor must be allowed: an IAM policy for `workshop`.

Attendees' hosts need no permission at all: they get no role, and nothing here lets one be given.
"""
