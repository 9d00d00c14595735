using System.Text;
using Marten;
using Reports.Contracts;
using Reports.Contracts.Messages;

namespace Reports.Lifecycle;

/// <summary>
/// Orders for generators that speak SQL, in <c>ingress.orders</c>. A row comes with the event that orders the try and
/// goes with the one that ends it, so that nobody is given what is not wanted any more.
/// </summary>
internal static class OrderTable
{
    public static void Add(IDocumentOperations session, GenerateReport order, DateTimeOffset now)
    {
        var id = Guid.CreateVersion7(now);
        session.QueueSqlCommand(
            """
            insert into ingress.orders (id, report_id, attempt, body, created_at) values (?, ?, ?, ?::jsonb, ?)
            on conflict (report_id, attempt) do nothing
            """,
            id, order.ReportId, order.Attempt, Encoding.UTF8.GetString(CloudEvents.Write(id, order, now)),
            now.ToUniversalTime());
    }

    /// <summary>Nobody waits for a try of this report any more. On other roads there is no row.</summary>
    public static void Remove(IDocumentOperations session, Guid report) =>
        session.QueueSqlCommand("delete from ingress.orders where report_id = ?", report);
}
