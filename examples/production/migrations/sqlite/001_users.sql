CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- a deleted user's id is never given again
    name TEXT NOT NULL,
    email TEXT NOT NULL
) STRICT;
