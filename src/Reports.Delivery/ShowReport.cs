using MediatR;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Reports.BuildingBlocks;

namespace Reports.Delivery;

/// <summary>One finished report of the caller's, as the list shows it.</summary>
internal static class ShowReport
{
    internal sealed record Query(string EncryptedId) : IRequest<FinishedReport>;

    internal sealed class Handler(
        FinishedReports reports, EncryptedIds ids, DeliveryOptions options, CurrentCaller current)
        : IRequestHandler<Query, FinishedReport>
    {
        public async Task<FinishedReport> Handle(Query query, CancellationToken cancellationToken)
        {
            var merchant = current.RequiredTenant;
            if (!EncryptedIds.IsShaped(query.EncryptedId) && !options.IsNotFoundOnly)
            {
                throw new ProblemException(Problem.InvalidParameters with
                {
                    Detail = "encrypted_id is not shaped like one",
                    Errors = new Dictionary<string, string[]> { ["encrypted_id"] = ["is not an encrypted_id"] },
                });
            }

            if (ids.Open(merchant, query.EncryptedId) is not { } id)
            {
                throw new ProblemException(Problem.NotFound);
            }

            return await reports.GetAsync(merchant, id, cancellationToken)
                ?? throw new ProblemException(await reports.FindAsync(merchant, id, cancellationToken) is null
                    ? Problem.NotFound
                    : Problem.ContentExpired);
        }
    }

    internal static async Task<IResult> Endpoint(
        HttpContext http,
        [FromRoute(Name = "encrypted_id")] string id,
        ISender sender,
        ReportPresenter presenter,
        CancellationToken cancellation)
    {
        var report = await sender.Send(new Query(id), cancellation);
        return DeliveryJson.Answer(presenter.Show(http.Request, [report])[0], DeliveryJson.Default.ListedReport);
    }
}
