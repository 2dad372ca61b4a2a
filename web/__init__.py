"""The gateway: REST over HTTP for a browser and for programs. It decides nothing.

A request passes the middleware, then the checks that its route declares (who is asking, whose page
sent it, what it says), and then a handler that reads, asks an actor and answers.

Layout, in reading order:

- `app`           the application, put together; `server` listens and stops
- `gateway`       what the handlers work with
- `routing`       routes: declared once, for the router, the checks and the OpenAPI document
- `call`          one request as its handler sees it
- `api/`          the handlers, one module a resource
- `admin/`        what administrators see and do; `/api/admin` is all there
- `schemas/`      what requests and answers look like outside
- `input`         untrusted JSON to a checked struct; `fields` has the rules, `bodies` the limits
- `auth`          who is asking; `session` is the browser's cookie, `origin` whose page it is
- `idempotency`   the same request twice is one effect
- `pages`         cursors and the next page
- `outcome`       waiting for what comes of a payment
- `reservations`  how many tickets one user may hold
- `limits`        how often somebody may try something; `address` is where a request comes from
- `refusals`      what the gateway itself refuses; `errors` turns all refusals into answers
- `middleware`    what every answer has: an id, headers, a log line, a count; `metrics` counts
- `openapi`       the description of all of it, generated from the declarations
- `static`        the browser's files, which are in `client/`

It does not do: business rules, SQL (that is each service's `queries`), or starting the services.
"""
