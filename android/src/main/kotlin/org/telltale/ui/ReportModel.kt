package org.telltale.ui

import android.content.Context
import org.telltale.R
import org.telltale.engine.Report
import org.telltale.session.Counts
import org.telltale.session.Failure
import org.telltale.session.text

/** The overview of a saved report. */
class ReportModel(private val context: Context) {
    /** A function of [report], of the capture's name if it was opened, and of why its session ended early if it did. */
    fun of(report: Report, source: String?, failure: Failure?): OverviewModel {
        val coverage = report.coverage
        val trouble = listOfNotNull(failure?.let { context.getString(it.text) }, report.truncated).joinToString("\n")
        return OverviewModel(
            state = source ?: context.getString(if (failure == null) R.string.state_done else R.string.state_failed),
            headline = null,
            text = null,
            counts = Counts(coverage.flows, coverage.readable, coverage.encrypted, coverage.unknown),
            findings = report.findings,
            flows = report.flows.asReversed(),
            unseen = report.unseen.map { it.why } + Words(context).unseen(),
            trouble = trouble.ifEmpty { null },
        )
    }
}
