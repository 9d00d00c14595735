using System.Globalization;
using MediatR;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Reports.BuildingBlocks;

namespace Reports.Lifecycle.Requests;

/// <summary>One of the caller's requests, in whatever state.</summary>
internal static class ShowRequest
{
    internal sealed record Query(string EncryptedId) : IRequest<RequestRow>;

    internal sealed class Handler(RequestRows requests, EncryptedIds ids, CurrentCaller current)
        : IRequestHandler<Query, RequestRow>
    {
        public async Task<RequestRow> Handle(Query query, CancellationToken cancellationToken) =>
            await requests.FindAsync(
                current.RequiredTenant, Open(ids, current.RequiredTenant, query.EncryptedId), cancellationToken)
                ?? throw new ProblemException(Problem.NotFound);
    }

    /// <summary>The report that an id stands for.</summary>
    /// <exception cref="ProblemException">It is no id, or none of this merchant's.</exception>
    internal static Guid Open(EncryptedIds ids, Guid merchant, string id) =>
        !EncryptedIds.IsShaped(id)
            ? throw Parameters.Invalid("encrypted_id", "is not an encrypted_id", "encrypted_id is not shaped like one")
            : ids.Open(merchant, id) ?? throw new ProblemException(Problem.NotFound);

    internal static async Task<IResult> Endpoint(
        HttpContext http,
        [FromRoute(Name = "encrypted_id")] string id,
        ISender sender,
        RequestPresenter presenter,
        CancellationToken cancellation)
    {
        var row = await sender.Send(new Query(id), cancellation);
        if (presenter.LookAgainAfter(row) is { } seconds)
        {
            http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        return Results.Json(presenter.Show(http.Request, [row])[0], RequestsJson.Plain.ShownRequest);
    }
}

/// <summary>The caller no longer wants a report.</summary>
internal static class DeleteRequest
{
    internal static async Task<IResult> Endpoint(
        [FromRoute(Name = "encrypted_id")] string id,
        ISender sender,
        EncryptedIds ids,
        CurrentCaller current,
        CancellationToken cancellation)
    {
        await sender.Send(new CancelReport.Command(ShowRequest.Open(ids, current.RequiredTenant, id)), cancellation);
        return Results.NoContent();
    }
}
