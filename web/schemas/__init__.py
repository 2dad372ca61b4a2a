"""What requests and answers look like outside, one module a resource, and how to get there.

A `...View` is what a caller sees of a state; it lists its fields, so that nothing is shown by
accident.

`example` of each is what the OpenAPI document shows: made by the type itself, so that it cannot be
of another shape, and in one story (`examples`).
"""
