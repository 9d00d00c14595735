using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Marten;
using MediatR;
using Microsoft.AspNetCore.Http;
using Reports.BuildingBlocks;
using Reports.Contracts;

namespace Reports.Lifecycle.Requests;

/// <summary>A merchant's program requests a report: it is answered at once, and the report comes later.</summary>
internal static class PostRequest
{
    public const string IdempotencyField = "Idempotency-Key";
    public const string ReplayField = "Idempotent-Replayed";

    /// <param name="Report">What is requested; its fields are known to be usable.</param>
    /// <param name="Key">The key that makes it safe to send again; none when none was sent.</param>
    internal sealed record Command(RequestReport.Command Report, string? Key) : IRequest<Answer>;

    /// <param name="ReportId">The report that was requested.</param>
    /// <param name="Body">How it was shown then.</param>
    /// <param name="IsReplay">Whether that was at an earlier time.</param>
    internal sealed record Answer(Guid ReportId, byte[] Body, bool IsReplay);

    internal sealed class Handler(
        IDocumentSession session, ReportIntake intake, RequestPresenter presenter, CurrentCaller current)
        : IRequestHandler<Command, Answer>
    {
        public async Task<Answer> Handle(Command command, CancellationToken cancellationToken)
        {
            var requested = await intake.PrepareAsync(command.Report, cancellationToken);
            var body = presenter.Accepted(requested);
            using var turn = await intake.TurnAsync(cancellationToken);
            try
            {
                await session.BeginTransactionAsync(cancellationToken);
                if (command.Key is { } text)
                {
                    var (key, now) = (Key(text, command.Report), requested.Report.RequestedAt);
                    if (await IdempotencyKeys.TakeAsync(session, key, now, cancellationToken) is { } earlier)
                    {
                        return new Answer(earlier.Report, earlier.Answer, IsReplay: true);
                    }

                    IdempotencyKeys.Keep(session, key, requested.ReportId, body, now);
                }

                await intake.CommitAsync(requested, cancellationToken);
                return new Answer(requested.ReportId, body, IsReplay: false);
            }
            finally
            {
                // Whoever sends again at once must not find the locks of this answer.
                await session.DisposeAsync();
            }
        }

        private IdempotencyKey Key(string key, RequestReport.Command report) => new(
            current.RequiredTenant,
            current.Required.PrincipalNumber,
            IdempotencyKey.Hash(key),
            SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(report, ContractJson.Options)));
    }

    internal static async Task<IResult> Endpoint(
        HttpContext http,
        ISender sender,
        CurrentCaller current,
        RequestPresenter presenter,
        TimeProvider clock,
        CancellationToken cancellation)
    {
        var key = IdempotencyKey.Parse(http.Request.Headers[IdempotencyField]);
        var fields = await JsonFields.ReadAsync(http.Request, cancellation);
        var report = RequestBody.Read(fields, current.Required.TimeZone, clock.GetUtcNow());
        var answer = await sender.Send(new Command(report, key), cancellation);
        var headers = http.Response.Headers;
        headers.Location = presenter.Address(http.Request, answer.ReportId);
        headers.RetryAfter = RequestPresenter.FirstLook.ToString(CultureInfo.InvariantCulture);
        if (answer.IsReplay)
        {
            headers[ReplayField] = "true";
        }

        http.Response.StatusCode = StatusCodes.Status202Accepted;
        return Results.Bytes(answer.Body, "application/json; charset=utf-8");
    }
}
