-- lower() here knows ASCII only; addresses beyond it (RFC 6531) are compared as they are written.
CREATE UNIQUE INDEX users_email ON users (lower(email));
