"""What users of OpenAI's Python client notice.

Reads lines of {"name": ..., "stand": {...}} and answers each with {"ok": true} or {"ok": false, "why": ...}.
"""
import asyncio
import itertools
import json
import os
import sys
import time

import openai
import pydantic

behaviours = {}
names = itertools.count()


def behaviour(name, *needs):
    """One thing that a user notices; what it needs is read by openai-python.ts."""

    def add(run):
        behaviours[name] = run
        return run

    return add


class Stand:
    """The endpoint that is asked."""

    def __init__(self, parts):
        self.__dict__.update(parts)
        self.parts = parts

    def client(self, **options):
        return openai.OpenAI(**self.options(options))

    def async_client(self, **options):
        return openai.AsyncOpenAI(**self.options(options))

    def options(self, given):
        return {"base_url": self.url, "api_key": self.key, "max_retries": 0, **given}


class City(pydantic.BaseModel):
    """Small enough for a model of random weights to get to its end."""

    model_config = pydantic.ConfigDict(extra="forbid")
    city: str = pydantic.Field(max_length=6)
    large: bool


WORLD = "Zürich 你好 👩🏽\u200d🚀 🇨🇭 — “ok”"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 8}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def user(content):
    return {"role": "user", "content": content}


def play(name, argument=""):
    return user(f"play {name} {argument}".strip())


def unique():
    return f"python-{os.getpid()}-{next(names)}"


def short(**changes):
    return {"messages": [user("Hello, how are you?")], "max_tokens": 12, "temperature": 0, **changes}


def text_of(chunks, index=0):
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
    return "".join(choice.delta.content or "" for choice in choices)


def rejection(kind, work):
    try:
        value = work()
    except kind as error:
        return error
    raise AssertionError(f"it ended well, where {kind.__name__} was due: {value!r}"[:300])


def check(condition, why=""):
    if not condition:
        raise AssertionError(str(why) or "it is not so")


def same(found, wanted):
    check(found == wanted, f"{found!r} is not {wanted!r}")


def assert_left(stand, name):
    """A server notices a reader who left within some seconds, or never."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        answer = stand.client().chat.completions.create(model=stand.script, messages=[play("left", name)])
        if answer.choices[0].message.content == "yes":
            return
        time.sleep(0.01)
    raise AssertionError("the server was never told that its reader had left")


@behaviour("a chat answers with a role, a text, a reason and usage that adds up", "model")
def _(stand):
    answer = stand.client().chat.completions.create(model=stand.model, **short())
    [choice] = answer.choices
    same(choice.message.role, "assistant")
    check(isinstance(choice.message.content, str))
    check(choice.finish_reason in ("stop", "length"), choice.finish_reason)
    same(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)


@behaviour("the asynchronous client gets the same, several at once", "model")
def _(stand):
    async def ask():
        async with stand.async_client() as client:
            asked = [client.chat.completions.create(model=stand.model, **short()) for _ in range(4)]
            return [answer.choices[0].message.content for answer in await asyncio.gather(*asked)]

    whole = stand.client().chat.completions.create(model=stand.model, **short())
    same(set(asyncio.run(ask())), {whole.choices[0].message.content})


@behaviour("a streamed answer is the whole one in pieces", "model")
def _(stand):
    whole = stand.client().chat.completions.create(model=stand.model, **short())
    chunks = list(stand.client().chat.completions.create(model=stand.model, stream=True, **short()))
    same(text_of(chunks), whole.choices[0].message.content)
    same(chunks[0].choices[0].delta.role, "assistant")
    same(chunks[-1].choices[0].finish_reason, whole.choices[0].finish_reason)


@behaviour("an asynchronous stream can be read with async for", "script")
def _(stand):
    async def read():
        async with stand.async_client() as client:
            stream = await client.chat.completions.create(
                model=stand.script, messages=[play("world")], stream=True
            )
            return [chunk async for chunk in stream]

    same(text_of(asyncio.run(read())), WORLD)


@behaviour("usage comes in a last chunk without choices where it is asked for", "model")
def _(stand):
    chunks = list(
        stand.client().chat.completions.create(
            model=stand.model, stream=True, stream_options={"include_usage": True}, **short()
        )
    )
    same(chunks[-1].choices, [])
    check(chunks[-1].usage.completion_tokens > 0)
    same({chunk.usage for chunk in chunks[:-1]}, {None})


@behaviour("the stream helper tells of content and gives the whole at the end", "script")
def _(stand):
    with stand.client().chat.completions.stream(model=stand.script, messages=[play("hello")]) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        same("".join(deltas), "Hello.")
        same(stream.get_final_completion().choices[0].message.content, "Hello.")


@behaviour("characters that are cut between two packets arrive whole", "script")
def _(stand):
    chunks = stand.client().chat.completions.create(model=stand.script, messages=[play("world")], stream=True)
    same(text_of(chunks), WORLD)


@behaviour("n, seed and stop do what they say", "model")
def _(stand):
    def ask(**changes):
        return stand.client().chat.completions.create(model=stand.model, **short(**changes)).choices

    same([choice.index for choice in ask(n=3, temperature=1)], [0, 1, 2])
    drawn = [ask(temperature=1, seed=7)[0].message.content for _ in range(2)]
    same(drawn[0], drawn[1])
    # A schema, because a model of random weights says nothing that can be named.
    schema = {"name": "city", "strict": True, "schema": City.model_json_schema()}
    json_city = {"max_tokens": 150, "response_format": {"type": "json_schema", "json_schema": schema}}
    content = ask(**json_city)[0].message.content
    same(ask(stop=["large"], **json_city)[0].message.content, content[: content.index("large")])


@behaviour("logprobs come with bytes and alternatives", "model")
def _(stand):
    answer = stand.client().chat.completions.create(
        model=stand.model, logprobs=True, top_logprobs=3, **short()
    )
    tokens = answer.choices[0].logprobs.content
    check(len(tokens) > 0)
    for token in tokens:
        check(token.logprob <= 0 and token.bytes is not None and len(token.top_logprobs) == 3)


@behaviour("a call comes whole, and the stream helper puts a streamed one together", "script")
def _(stand):
    request = {"model": stand.script, "messages": [play("calls")], "tools": [WEATHER]}
    whole = stand.client().chat.completions.create(**request)
    with stand.client().chat.completions.stream(**request) as stream:
        streamed = stream.get_final_completion()
    for answer in (whole, streamed):
        same(answer.choices[0].finish_reason, "tool_calls")
        calls = [json.loads(call.function.arguments) for call in answer.choices[0].message.tool_calls]
        same(calls, [{"city": "Bern"}, {"city": "Oslo"}])


@behaviour("a model that has to call does, with arguments of the schema", "model")
def _(stand):
    answer = stand.client().chat.completions.create(
        model=stand.model,
        tools=[WEATHER],
        tool_choice="required",
        parallel_tool_calls=False,
        **short(max_tokens=150),
    )
    [call] = answer.choices[0].message.tool_calls
    same(list(json.loads(call.function.arguments)), ["city"])


@behaviour("the parse helper gives the object that pydantic describes", "model")
def _(stand):
    answer = stand.client().chat.completions.parse(
        model=stand.model, messages=[user("A city.")], max_tokens=150, temperature=0, response_format=City
    )
    check(isinstance(answer.choices[0].message.parsed, City))


@behaviour("an object that was cut throws, and is not taken for one", "model")
def _(stand):
    rejection(
        openai.LengthFinishReasonError,
        lambda: stand.client().chat.completions.parse(
            model=stand.model, messages=[user("A city.")], max_tokens=4, response_format=City
        ),
    )


@behaviour("thoughts come as a field of their own, whole and streamed", "script")
def _(stand):
    request = {"model": stand.script, "messages": [play("thinking")]}
    whole = stand.client().chat.completions.create(**request).choices[0].message
    same((whole.reasoning_content, whole.content), ("Let me see.", "Four."))
    chunks = list(stand.client().chat.completions.create(stream=True, **request))
    thoughts = [getattr(chunk.choices[0].delta, "reasoning_content", None) or "" for chunk in chunks]
    same(("".join(thoughts), text_of(chunks)), ("Let me see.", "Four."))


@behaviour("extra_body reaches the model's server", "script")
def _(stand):
    extra = {"top_k": 7, "chat_template_kwargs": {"enable_thinking": False}}
    answer = stand.client().chat.completions.create(
        model=stand.script, messages=[play("echo")], extra_body=extra
    )
    arrived = json.loads(answer.choices[0].message.content)
    same({name: arrived.get(name) for name in extra}, extra)


@behaviour("embeddings are the same by default, as floats and in base64", "vectors")
def _(stand):
    def ask(**options):
        return stand.client().embeddings.create(
            model=stand.vectors, input=["one", "two words"], **options
        ).data

    packed, floats = ask(), ask(encoding_format="float")
    same([vector.index for vector in packed], [0, 1])
    for one, other in zip(packed, floats):
        check(all(abs(a - b) < 1e-5 for a, b in zip(one.embedding, other.embedding, strict=True)))
    check(isinstance(ask(encoding_format="base64")[0].embedding, str))


@behaviour("models are listed page by page, and each can be asked for by itself", "model")
def _(stand):
    listed = {model.id: model for model in stand.client().models.list()}
    same(stand.client().models.retrieve(stand.model), listed[stand.model])
    rejection(openai.NotFoundError, lambda: stand.client().models.retrieve("gpt-17"))


@behaviour("a response has its text, whole and streamed", "script")
def _(stand):
    request = {"model": stand.script, "input": "play hello"}
    same(stand.client().responses.create(**request).output_text, "Hello.")
    with stand.client().responses.stream(**request) as stream:
        types = [event.type for event in stream]
        same(stream.get_final_response().output_text, "Hello.")
    same((types[0], types[-1]), ("response.created", "response.completed"))


@behaviour("a response is parsed by its text format", "model")
def _(stand):
    response = stand.client().responses.parse(
        model=stand.model, input="A city.", max_output_tokens=150, temperature=0, text_format=City
    )
    check(isinstance(response.output_parsed, City))


@behaviour("a bad value is a BadRequestError that names the field", "model")
def _(stand):
    request = {"model": stand.model, **short(temperature=7)}
    error = rejection(openai.BadRequestError, lambda: stand.client().chat.completions.create(**request))
    check("temperature" in f"{error.param} {error}", error)


@behaviour("a prompt that is too long is a BadRequestError with its own code", "model")
def _(stand):
    request = {"model": stand.model, "messages": [user("word " * 30_000)]}
    error = rejection(openai.BadRequestError, lambda: stand.client().chat.completions.create(**request))
    same(error.code, "context_length_exceeded")


@behaviour("a wrong key is an AuthenticationError", "script")
def _(stand):
    client = stand.client(api_key="sk-of-somebody-else")
    request = {"model": stand.script, "messages": [play("hello")]}
    rejection(openai.AuthenticationError, lambda: client.chat.completions.create(**request))


@behaviour("a model that there is not is a NotFoundError with the id of its request")
def _(stand):
    request = {"model": "gpt-17", **short()}
    error = rejection(openai.NotFoundError, lambda: stand.client().chat.completions.create(**request))
    check(error.request_id)


@behaviour("a body that is too large is an APIStatusError of 413", "script", "bodyBytesMax")
def _(stand):
    request = {"model": stand.script, "messages": [play("length", "x" * stand.bodyBytesMax)]}
    error = rejection(openai.APIStatusError, lambda: stand.client().chat.completions.create(**request))
    same(error.status_code, 413)


@behaviour("a server that is crowded is a RateLimitError with the time to wait", "script")
def _(stand):
    request = {"model": stand.script, "messages": [play("crowded")]}
    error = rejection(openai.RateLimitError, lambda: stand.client().chat.completions.create(**request))
    check(float(error.response.headers["retry-after"]) >= 1)


@behaviour("a quota that is used up is a RateLimitError that says when there is more", "script", "spentKey")
def _(stand):
    client = stand.client(api_key=stand.spentKey)
    request = {"model": stand.script, "messages": [play("hello")]}
    try:
        client.chat.completions.create(**request)
    except openai.RateLimitError:
        pass  # used up by somebody else of this minute
    error = rejection(openai.RateLimitError, lambda: client.chat.completions.create(**request))
    check(float(error.response.headers["retry-after-ms"]) >= 1)


@behaviour("a model without a server is an InternalServerError of 503, and is asked for once", "down")
def _(stand):
    client = stand.client(max_retries=5)
    request = {"model": stand.down, **short()}
    error = rejection(openai.InternalServerError, lambda: client.chat.completions.create(**request))
    same((error.status_code, error.response.headers["x-should-retry"]), (503, "false"))


@behaviour("a server that is busy is asked again by the client, when it said", "script")
def _(stand):
    answer = stand.client(max_retries=5).chat.completions.create(
        model=stand.script, messages=[play("busy", f"4 {unique()}")]
    )
    same(answer.choices[0].message.content, "Here I am.")


@behaviour("a client that has waited long enough gets its own timeout", "script")
def _(stand):
    client = stand.client(timeout=0.2)
    request = {"model": stand.script, "messages": [play("silence")]}
    rejection(openai.APITimeoutError, lambda: client.chat.completions.create(**request))


@behaviour("a stream that breaks throws, after the words that had come", "script")
def _(stand):
    stream = stand.client().chat.completions.create(
        model=stand.script, messages=[play("breaks")], stream=True
    )
    words = []

    def read():
        for chunk in stream:
            words.append(text_of([chunk]))

    rejection(openai.APIError, read)
    same("".join(words), "Once upon")


@behaviour("a reader who closes a stream stops the server, too", "script")
def _(stand):
    name = unique()
    with stand.client().chat.completions.create(
        model=stand.script, messages=[play("endless", name)], stream=True
    ) as stream:
        for _, _chunk in zip(range(4), stream):
            pass
    assert_left(stand, name)


@behaviour("raw responses and headers are there for who wants them", "script")
def _(stand):
    request = {"model": stand.script, "messages": [play("hello")]}
    raw = stand.client().chat.completions.with_raw_response.create(**request)
    check(raw.headers["x-request-id"])
    same(raw.parse().choices[0].message.content, "Hello.")
    same(raw.parse()._request_id, raw.headers["x-request-id"])
    with stand.client().chat.completions.with_streaming_response.create(stream=True, **request) as streamed:
        check(streamed.headers["content-type"].startswith("text/event-stream"))
        check("data: [DONE]" in list(streamed.iter_lines()))


def answer_to(line):
    asked = json.loads(line)
    try:
        behaviours[asked["name"]](Stand(asked["stand"]))
        return {"ok": True}
    except BaseException as error:  # whatever it is, it is the answer
        return {"ok": False, "why": f"{type(error).__name__}: {error}"[:2000]}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer_to(line)), flush=True)
