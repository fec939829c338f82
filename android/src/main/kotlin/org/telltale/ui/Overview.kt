package org.telltale.ui

import android.app.Activity
import android.view.View
import android.widget.ListView
import android.widget.TextView
import org.telltale.R
import org.telltale.engine.Finding
import org.telltale.engine.Flow
import org.telltale.engine.Severity
import org.telltale.session.Counts

/**
 * What an overview shows, of a live session or a saved report.
 *
 * @property state the line above the headline.
 * @property headline instead of the verdict; [text] instead of the coverage.
 * @property trouble what is wrong; null when nothing is.
 * @property hold how the system holds the tunnel; null when that does not matter.
 * @property idle true when nothing was watched: there is nothing to list, and nothing to say of it.
 */
class OverviewModel(
    val state: String,
    val headline: String?,
    val text: String?,
    val counts: Counts = Counts(),
    val findings: List<Finding> = emptyList(),
    val flows: List<Flow> = emptyList(),
    val unseen: List<String> = emptyList(),
    val trouble: String? = null,
    val hold: String? = null,
    val idle: Boolean = false,
)

/** The header and the lists of an overview, in the views of `screen_overview`. */
class Overview(private val activity: Activity, private val onFinding: (Finding) -> Unit, private val onFlow: (Flow) -> Unit) {
    private enum class Tab(val view: Int) { FINDINGS(R.id.tab_findings), FLOWS(R.id.tab_flows), UNSEEN(R.id.tab_unseen) }

    private val list: ListView = activity.findViewById(R.id.list)
    private val rows = Rows(activity)
    private val words = Words(activity)
    private var chosen: Tab? = null
    private var shown = OverviewModel("", null, null)

    init {
        val header = activity.layoutInflater.inflate(R.layout.header_overview, list, false)
        list.addHeaderView(header, null, false)
        list.adapter = rows
        list.setOnItemClickListener { _, _, position, _ -> open(position - list.headerViewsCount) }
        Tab.entries.forEach { tab ->
            header.findViewById<View>(tab.view).setOnClickListener {
                chosen = tab
                show(shown)
            }
        }
    }

    /** Shows [model]. */
    fun show(model: OverviewModel) {
        shown = model
        showCard(model)
        text(R.id.trouble).showOrHide(model.trouble)
        // Until the user chooses, findings come first when there are any.
        val tab = chosen ?: if (model.findings.isEmpty() && model.flows.isNotEmpty()) Tab.FLOWS else Tab.FINDINGS
        showTabs(model, tab)
        rows.show(if (model.idle) unseen(model, titled = true) else rowsOf(model, tab))
    }

    private fun showCard(model: OverviewModel) {
        val alarm = FindingGroup.of(model.findings).firstOrNull()?.first?.takeIf { it.severity <= Severity.MEDIUM }
        val tone = alarm?.severity?.tone ?: Tone(R.color.accent, R.color.card)
        text(R.id.state).text = listOfNotNull(alarm?.severity?.let(words::severity), model.state).joinToString(" · ")
        text(R.id.state).setTextColor(activity.getColor(tone.text))
        activity.findViewById<View>(R.id.card).tint(tone.ground)
        text(R.id.headline).text = alarm?.title ?: model.headline ?: verdict(model)
        text(R.id.coverage).showOrHide(model.text ?: coverage(model.counts))
        activity.findViewById<CoverageBar>(R.id.bar).show(model.counts)
        text(R.id.hold).showOrHide(model.hold)
    }

    // Never "nothing found" alone: it says of how much.
    private fun verdict(model: OverviewModel): String = activity.getString(
        when {
            model.counts.flows == 0 -> R.string.nothing_yet
            model.counts.readable == 0 -> R.string.nothing_readable
            else -> R.string.nothing_flagged
        },
    )

    private fun coverage(counts: Counts): String {
        val flows = activity.resources.getQuantityString(R.plurals.connections, counts.flows, counts.flows)
        return activity.getString(R.string.coverage, flows, counts.readable, counts.encrypted, counts.unknown)
    }

    private fun showTabs(model: OverviewModel, selected: Tab) {
        activity.findViewById<View>(R.id.tabs).visibility = if (model.idle) View.GONE else View.VISIBLE
        text(R.id.tab_findings).text = activity.getString(R.string.tab_findings, model.findings.size)
        text(R.id.tab_flows).text = activity.getString(R.string.tab_flows, model.counts.flows)
        Tab.entries.forEach { activity.findViewById<View>(it.view).isSelected = it == selected }
    }

    private fun rowsOf(model: OverviewModel, tab: Tab): List<Row> = when (tab) {
        Tab.FINDINGS -> {
            val apps = model.flows.associate { it.id to it.app }
            FindingGroup.of(model.findings).map { Row.Found(it, apps[it.first.flow]) }.ifEmpty { nothingFlagged(model.counts) }
        }
        Tab.FLOWS -> model.flows.map { Row.Connection(it) }.ifEmpty { nothingYet() }
        Tab.UNSEEN -> unseen(model, titled = false)
    }

    private fun nothingFlagged(counts: Counts): List<Row> =
        if (counts.flows == 0) nothingYet() else listOf(Row.Note(activity.getString(R.string.empty_findings, counts.encrypted, counts.flows)))

    private fun nothingYet(): List<Row> = listOf(Row.Note(activity.getString(R.string.nothing_yet_text)))

    private fun unseen(model: OverviewModel, titled: Boolean): List<Row> {
        val title = if (titled) listOf(Row.Note(activity.getString(R.string.unseen_title), Row.Look.TITLE)) else emptyList()
        return title + model.unseen.map { Row.Note(it, Row.Look.ITEM) }
    }

    private fun open(position: Int) {
        if (position < 0) return
        when (val row = rows.getItem(position)) {
            is Row.Found -> onFinding(row.group.first)
            is Row.Connection -> onFlow(row.flow)
            is Row.Note -> Unit
        }
    }

    private fun text(id: Int): TextView = activity.findViewById(id)
}
