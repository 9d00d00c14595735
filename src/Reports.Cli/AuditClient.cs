using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Reports.Cli;

/// <summary>What keeps the command from going on, for the one who gave it.</summary>
internal sealed class CommandFailedException(string message) : Exception(message);

/// <summary>
/// Asks the service's audit. What may pass is asked for again: a connection that breaks, an answer 429 or 503 after the
/// time that it names, and other answers of the kind 5xx.
/// </summary>
internal sealed class AuditClient(HttpClient http, string key, Action<string> remark, TimeProvider clock)
{
    private const string Path = "b/api/v1/audit/";
    private const int MostTries = 8; // one after the other without any progress
    private const int LongestLine = 1 << 26;
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(100);

    /// <summary>An answer as text; none where the service says 404.</summary>
    public async Task<string?> TextAsync(string path, CancellationToken cancellation)
    {
        string? text = null;
        await TryAsync(
            () => path,
            "*/*",
            async (answer, watch) =>
            {
                text = answer.StatusCode == HttpStatusCode.NotFound
                    ? null
                    : await answer.Content.ReadAsStringAsync(watch.Token);
                return true;
            },
            status => status is HttpStatusCode.NotFound,
            cancellation);
        return text;
    }

    /// <summary>Whether the caller may see something.</summary>
    public async Task<bool> MayAsync(string path, CancellationToken cancellation)
    {
        var may = false;
        await TryAsync(
            () => path,
            "*/*",
            (answer, _) =>
            {
                may = answer.IsSuccessStatusCode;
                return Task.FromResult(true);
            },
            status => status is HttpStatusCode.Forbidden,
            cancellation);
        return may;
    }

    /// <summary>
    /// Reads lines as they come. After a break it asks again, from where it is: the path is made anew.
    /// </summary>
    /// <param name="path">The path, from where the reader is.</param>
    /// <param name="take">Takes a line without its end; false when it wants no more.</param>
    /// <param name="cancellation">Ends it.</param>
    public Task LinesAsync(Func<string> path, Func<ReadOnlyMemory<byte>, bool> take, CancellationToken cancellation) =>
        TryAsync(
            path,
            "application/x-ndjson",
            async (answer, watch) =>
            {
                await using var body = await answer.Content.ReadAsStreamAsync(watch.Token);
                return await ReadLinesAsync(body, take, watch);
            },
            _ => false,
            cancellation);

    // A stream that ends within a line was cut.
    private static async Task<bool> ReadLinesAsync(
        Stream body, Func<ReadOnlyMemory<byte>, bool> take, Watch watch)
    {
        var (buffer, length) = (new byte[1 << 16], 0);
        while (true)
        {
            if (length == buffer.Length)
            {
                if (length >= LongestLine)
                {
                    throw new CommandFailedException("The service sends a line that is too long for an audit.");
                }

                Array.Resize(ref buffer, 2 * length);
            }

            var read = await body.ReadAsync(buffer.AsMemory(length), watch.Token);
            if (read == 0)
            {
                return length == 0 ? true : throw new IOException("The answer ended within a line.");
            }

            watch.Progress();
            var (start, from) = (0, length);
            length += read;
            for (int at; (at = buffer.AsSpan(from, length - from).IndexOf((byte)'\n')) >= 0;)
            {
                from += at;
                if (!take(buffer.AsMemory(start, from - start)))
                {
                    return true;
                }

                start = ++from;
            }

            buffer.AsSpan(start, length - start).CopyTo(buffer);
            length -= start;
        }
    }

    private async Task TryAsync(
        Func<string> path,
        string accept,
        Func<HttpResponseMessage, Watch, Task<bool>> read,
        Func<HttpStatusCode, bool> isExpected,
        CancellationToken cancellation)
    {
        for (var tries = 1; ; tries++)
        {
            using var watch = new Watch(Silence, cancellation);
            TimeSpan? wait = null;
            string cause;
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, Path + path());
                request.Headers.Add("Api-Key", key);
                request.Headers.Accept.ParseAdd(accept);
                using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, watch.Token);
                if (answer.IsSuccessStatusCode || isExpected(answer.StatusCode))
                {
                    await read(answer, watch);
                    return;
                }

                (cause, wait) = (await ProblemAsync(answer, watch), Wait(answer.Headers.RetryAfter));
            }
            catch (Exception e) when (e is HttpRequestException or IOException && !cancellation.IsCancellationRequested)
            {
                cause = e.InnerException is { } inner ? $"{e.Message} ({inner.Message})" : e.Message;
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                cause = $"The service was silent for {Silence.TotalSeconds:0} seconds.";
            }

            tries = watch.HasProgressed ? 1 : tries;
            if (tries == MostTries)
            {
                throw new CommandFailedException($"Given up after {tries} tries. {cause}");
            }

            var delay = wait ?? Delay(tries);
            if (delay > LongestWait)
            {
                throw new CommandFailedException(
                    $"{cause} The service asks to wait until {clock.GetLocalNow() + delay:HH:mm}; the same command goes on "
                    + "from here then.");
            }

            remark($"{cause} Trying again in {delay.TotalSeconds:0.#} s.");
            await Task.Delay(delay, clock, cancellation);
        }
    }

    // What will be no better a second time ends the command.
    private async Task<string> ProblemAsync(HttpResponseMessage answer, Watch watch)
    {
        var detail = await DetailAsync(answer, watch);
        var status = (int)answer.StatusCode;
        return answer.StatusCode switch
        {
            HttpStatusCode.Unauthorized => throw new CommandFailedException(
                "The service does not accept the key: REPORTS_AUDITOR_KEY or --api-key must hold one that is valid."),
            HttpStatusCode.Forbidden => throw new CommandFailedException(
                $"The key has no right to that; an auditor's key has the scope audit:read. {detail}"),
            HttpStatusCode.NotFound => throw new CommandFailedException(
                $"There is no audit at {http.BaseAddress}: REPORTS_URL or --url must name a Reports service of this "
                + "version."),
            _ when status is >= 300 and < 400 => throw new CommandFailedException(
                $"{http.BaseAddress} leads on to {answer.Headers.Location}. The key is not sent there: give that address "
                + "if it is right."),
            HttpStatusCode.TooManyRequests => $"The quota is used up. {detail}",
            _ when status >= 500 => $"The service answers {status}. {detail}",
            _ => throw new CommandFailedException($"The service answers {status}. {detail}"),
        };
    }

    private static async Task<string> DetailAsync(HttpResponseMessage answer, Watch watch)
    {
        try
        {
            using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(watch.Token));
            return problem.RootElement.TryGetProperty("detail", out var detail) ? $"{detail.GetString()}." : "";
        }
        catch (Exception e)
            when (e is JsonException or HttpRequestException or IOException or InvalidOperationException)
        {
            return "";
        }
    }

    private TimeSpan? Wait(RetryConditionHeaderValue? after)
    {
        var wait = after?.Delta ?? after?.Date - clock.GetUtcNow();
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    private static TimeSpan Delay(int tries)
    {
        var delay = FirstDelay * Math.Pow(2, tries - 1);
        return delay < LongestDelay ? delay : LongestDelay;
    }

    /// <summary>Ends a request that is silent for too long.</summary>
    private sealed class Watch : IDisposable
    {
        private readonly CancellationTokenSource _source;
        private readonly TimeSpan _silence;

        public Watch(TimeSpan silence, CancellationToken cancellation)
        {
            _source = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            _silence = silence;
            _source.CancelAfter(silence);
        }

        public CancellationToken Token => _source.Token;

        public bool HasProgressed { get; private set; }

        public void Progress()
        {
            HasProgressed = true;
            _source.CancelAfter(_silence);
        }

        public void Dispose() => _source.Dispose();
    }
}
