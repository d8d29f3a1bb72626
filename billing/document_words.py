"""Every word that invoices, credit notes, quotes and their mails are written with, in every language they are written in."""

from functools import lru_cache
from typing import Final

from common.languages import LANGUAGES, known_language

_COLUMNS: Final = ("en", "de", "fr", "es", "it", "nl")

# One row per text, one column per language; {…} is filled in. Of what is counted, the first is for one, the second for all else.
_TABLE: Final[dict[str, tuple[str, ...]]] = {
    # --- What it is
    "invoice": ("Invoice", "Rechnung", "Facture", "Factura", "Fattura", "Factuur"),
    "correction": (
        "Invoice correction",
        "Rechnungskorrektur",
        "Facture rectificative",
        "Factura rectificativa",
        "Fattura rettificativa",
        "Correctiefactuur",
    ),
    "credit_note": (
        "Credit note",
        "Gutschrift (Rechnungskorrektur)",
        "Avoir",
        "Factura rectificativa",
        "Nota di credito",
        "Creditnota",
    ),
    "statement": (
        "Statement of account",
        "Kontoauszug",
        "Relevé de compte",
        "Extracto de cuenta",
        "Estratto conto",
        "Rekeningoverzicht",
    ),
    "draft": ("DRAFT", "ENTWURF", "BROUILLON", "BORRADOR", "BOZZA", "CONCEPT"),
    "not_issued": (
        "Draft, not issued",
        "Entwurf, nicht ausgestellt",
        "Brouillon, non émis",
        "Borrador, no emitido",
        "Bozza, non emessa",
        "Concept, niet verzonden",
    ),
    # --- The head
    "number": ("Number", "Nummer", "Numéro", "Número", "Numero", "Nummer"),
    "date": ("Date", "Datum", "Date", "Fecha", "Data", "Datum"),
    "due": ("Due", "Fällig", "Échéance", "Vencimiento", "Scadenza", "Vervaldatum"),
    "period": ("Period", "Leistungszeitraum", "Période", "Periodo", "Periodo", "Periode"),
    "for_invoice": ("For invoice", "Zur Rechnung", "Pour la facture", "De la factura", "Per la fattura", "Bij factuur"),
    "customer_number": ("Customer number", "Kundennummer", "Numéro client", "Número de cliente", "Numero cliente", "Klantnummer"),
    "bill_to": ("Bill to", "Rechnung an", "Facturé à", "Facturar a", "Intestata a", "Factuur aan"),
    "from": ("From", "Von", "De", "De", "Da", "Van"),
    "vat_id": ("VAT id", "USt-IdNr.", "N° TVA", "NIF-IVA", "Partita IVA", "Btw-nummer"),
    # --- The table
    "item": ("Item", "Position", "Désignation", "Concepto", "Descrizione", "Omschrijving"),
    "quantity": ("Quantity", "Menge", "Quantité", "Cantidad", "Quantità", "Aantal"),
    "unit_price": ("Unit price", "Einzelpreis", "Prix unitaire", "Precio", "Prezzo", "Prijs"),
    "net_in": ("Net {currency}", "Netto {currency}", "Net {currency}", "Neto {currency}", "Netto {currency}", "Netto {currency}"),
    "continued": ("(continued)", "(Fortsetzung)", "(suite)", "(continuación)", "(continua)", "(vervolg)"),
    "unit": ("unit|units", "Stück|Stück", "unité|unités", "unidad|unidades", "unità|unità", "stuk|stuks"),
    "hour": ("hour|hours", "Stunde|Stunden", "heure|heures", "hora|horas", "ora|ore", "uur|uur"),
    "month": ("month|months", "Monat|Monate", "mois|mois", "mes|meses", "mese|mesi", "maand|maanden"),
    # --- The totals
    "net": ("Net", "Netto", "Total HT", "Base imponible", "Imponibile", "Netto"),
    "tax_on": (
        "{tax} on {base}",
        "{tax} auf {base}",
        "{tax} sur {base}",
        "{tax} sobre {base}",
        "{tax} su {base}",
        "{tax} over {base}",
    ),
    "total": ("Total", "Gesamtbetrag", "Total TTC", "Total", "Totale", "Totaal"),
    "paid_from_credit": (
        "Paid from your credit",
        "Aus Ihrem Guthaben bezahlt",
        "Réglé par votre crédit",
        "Pagado con su saldo",
        "Pagato con il suo credito",
        "Betaald uit uw tegoed",
    ),
    "amount_due": ("Amount due", "Zu zahlen", "Montant à payer", "Importe a pagar", "Importo da pagare", "Te betalen"),
    "in_your_favour": (
        "Amount in your favour",
        "Betrag zu Ihren Gunsten",
        "Montant en votre faveur",
        "Importe a su favor",
        "Importo a suo favore",
        "Bedrag in uw voordeel",
    ),
    "credited": (
        "Amount credited",
        "Gutgeschriebener Betrag",
        "Montant crédité",
        "Importe abonado",
        "Importo accreditato",
        "Gecrediteerd bedrag",
    ),
    "reason": ("Reason", "Grund", "Motif", "Motivo", "Motivo", "Reden"),
    # --- The statement of account
    "customer": ("Customer", "Kunde", "Client", "Cliente", "Cliente", "Klant"),
    "days": ("Days", "Zeitraum", "Période", "Periodo", "Periodo", "Periode"),
    "currency": ("Currency", "Währung", "Devise", "Moneda", "Valuta", "Valuta"),
    "movement": ("Movement", "Vorgang", "Opération", "Movimiento", "Movimento", "Mutatie"),
    "charged": ("Charged", "Belastet", "Débit", "Cargo", "Addebito", "Debet"),
    "settled": ("Settled", "Beglichen", "Crédit", "Abono", "Accredito", "Credit"),
    "balance": ("Balance", "Saldo", "Solde", "Saldo", "Saldo", "Saldo"),
    "opening_balance": ("Opening balance", "Anfangssaldo", "Solde initial", "Saldo inicial", "Saldo iniziale", "Beginsaldo"),
    "closing_balance": ("Closing balance", "Endsaldo", "Solde final", "Saldo final", "Saldo finale", "Eindsaldo"),
    "closing_in_your_favour": (
        "Closing balance, in your favour",
        "Endsaldo zu Ihren Gunsten",
        "Solde final en votre faveur",
        "Saldo final a su favor",
        "Saldo finale a suo favore",
        "Eindsaldo in uw voordeel",
    ),
    "nothing_moved": (
        "No movements",
        "Keine Vorgänge",
        "Aucune opération",
        "Sin movimientos",
        "Nessun movimento",
        "Geen mutaties",
    ),
    "credit_note_short": (
        "Credit note",
        "Gutschrift",
        "Avoir",
        "Factura rectificativa",
        "Nota di credito",
        "Creditnota",
    ),
    "payment": ("Payment", "Zahlung", "Paiement", "Pago", "Pagamento", "Betaling"),
    "payment_taken_back": (
        "Payment taken back",
        "Zahlung zurückgenommen",
        "Paiement annulé",
        "Pago anulado",
        "Pagamento annullato",
        "Betaling teruggedraaid",
    ),
    "by_bank_transfer": ("Bank transfer", "Überweisung", "Virement", "Transferencia", "Bonifico", "Overschrijving"),
    "by_direct_debit": ("Direct debit", "Lastschrift", "Prélèvement", "Domiciliación", "Addebito diretto", "Incasso"),
    "by_card": ("Card", "Karte", "Carte", "Tarjeta", "Carta", "Kaart"),
    "by_cash": ("Cash", "Bar", "Espèces", "Efectivo", "Contanti", "Contant"),
    "by_other": ("Other", "Sonstige", "Autre", "Otro", "Altro", "Overig"),
    # --- How to pay
    "how_to_pay": ("How to pay", "So zahlen Sie", "Comment payer", "Cómo pagar", "Come pagare", "Zo betaalt u"),
    "please_pay": (
        "Please pay {amount} by {day} and quote the number {number}.",
        "Bitte zahlen Sie {amount} bis {day} und geben Sie die Nummer {number} an.",
        "Merci de régler {amount} au plus tard le {day} en indiquant le numéro {number}.",
        "Pague {amount} hasta el {day} e indique el número {number}.",
        "La preghiamo di pagare {amount} entro il {day} indicando il numero {number}.",
        "Betaal {amount} uiterlijk op {day} en vermeld nummer {number}.",
    ),
    "scan": (
        "Scan with your banking app",
        "Mit Ihrer Banking-App scannen",
        "À scanner avec votre application bancaire",
        "Escanee con su app bancaria",
        "Da scansionare con l’app della banca",
        "Scan met uw bank-app",
    ),
    "page_of": (
        "Page {page} of {pages}",
        "Seite {page} von {pages}",
        "Page {page} sur {pages}",
        "Página {page} de {pages}",
        "Pagina {page} di {pages}",
        "Pagina {page} van {pages}",
    ),
    # --- Why there is no tax: the words the law asks for (Directive 2006/112/EC Art. 226 No 11 and 11a)
    "note_reverse_charge": (
        "Reverse charge: the buyer owes the VAT (Art. 196 of Directive 2006/112/EC).",
        "Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge, Art. 196 der Richtlinie 2006/112/EG).",
        "Autoliquidation : la TVA est due par le preneur (art. 196 de la directive 2006/112/CE).",
        "Inversión del sujeto pasivo (art. 196 de la Directiva 2006/112/CE).",
        "Inversione contabile (art. 196 della direttiva 2006/112/CE).",
        "Btw verlegd (art. 196 van Richtlijn 2006/112/EG).",
    ),
    "note_outside_eu": (
        "Not subject to VAT in the EU: the service is supplied where the buyer is established (Art. 44 of Directive 2006/112/EC).",
        "In der EU nicht steuerbar: Leistungsort ist der Sitz des Leistungsempfängers (Art. 44 der Richtlinie 2006/112/EG).",
        "Non soumis à la TVA dans l’UE : le lieu de la prestation est celui du preneur (art. 44 de la directive 2006/112/CE).",
        "No sujeto al IVA en la UE: el servicio se presta en la sede del destinatario (art. 44 de la Directiva 2006/112/CE).",
        "Non soggetto a IVA nell’UE: la prestazione è resa nella sede del committente (art. 44 della direttiva 2006/112/CE).",
        "Niet onderworpen aan btw in de EU: de plaats van dienst is die van de afnemer (art. 44 van Richtlijn 2006/112/EG).",
    ),
    "note_exempt": (
        "Exempt from VAT.",
        "Umsatzsteuerfrei.",
        "Exonéré de TVA.",
        "Exento de IVA.",
        "Esente da IVA.",
        "Vrijgesteld van btw.",
    ),
    "outside_tax": (
        "Not subject to VAT.",
        "Nicht umsatzsteuerbar.",
        "Non soumis à la TVA.",
        "No sujeto al IVA.",
        "Non soggetto a IVA.",
        "Niet onderworpen aan btw.",
    ),
    # --- Quotes
    "quote": ("Quote", "Angebot", "Devis", "Presupuesto", "Preventivo", "Offerte"),
    "quote_for": ("Quote for", "Angebot für", "Devis pour", "Presupuesto para", "Preventivo per", "Offerte voor"),
    "valid_until": ("Valid until", "Gültig bis", "Valable jusqu’au", "Válido hasta", "Valido fino al", "Geldig tot en met"),
    "order_number": ("Order", "Auftrag", "Commande", "Pedido", "Ordine", "Bestelling"),
    "your_reference": ("Your reference", "Ihr Zeichen", "Votre référence", "Su referencia", "Vostro riferimento", "Uw referentie"),
    "term": ("Term", "Laufzeit", "Durée", "Duración", "Durata", "Looptijd"),
    "once": ("once", "einmalig", "une fois", "una vez", "una tantum", "eenmalig"),
    "setup_fee": (
        "{plan}, setup fee",
        "{plan}, Einrichtungsgebühr",
        "{plan}, frais de mise en service",
        "{plan}, cuota de alta",
        "{plan}, costo di attivazione",
        "{plan}, activeringskosten",
    ),
    "included": ("Included", "Enthalten", "Inclus", "Incluido", "Incluso", "Inbegrepen"),
    "up_to_above": (
        "{amount}, and up to {above} above it",
        "{amount} und bis zu {above} darüber",
        "{amount}, et jusqu’à {above} au-delà",
        "{amount} y hasta {above} adicionales",
        "{amount} e fino a {above} in più",
        "{amount} en tot {above} daarboven",
    ),
    "unlimited": ("unlimited", "unbegrenzt", "illimité", "ilimitado", "illimitato", "onbeperkt"),
    "without_limit": ("Without limit", "Ohne Begrenzung", "Sans limite", "Sin límite", "Senza limiti", "Zonder limiet"),
    "overage_costs": (
        "Storage above the quota costs {price} per GB and month, excl. VAT.",
        "Speicher über dem Kontingent kostet {price} je GB und Monat, zzgl. USt.",
        "Le stockage au-delà du quota coûte {price} par Go et par mois, hors TVA.",
        "El almacenamiento por encima de la cuota cuesta {price} por GB y mes, sin IVA.",
        "Lo spazio oltre la quota costa {price} per GB e mese, IVA esclusa.",
        "Opslag boven het quotum kost {price} per GB en maand, excl. btw.",
    ),
    "quote_prepaid": (
        "Invoiced in advance for the whole term; the service begins once the invoice is paid.",
        "Wird im Voraus für die ganze Laufzeit berechnet; der Dienst beginnt, sobald die Rechnung bezahlt ist.",
        "Facturé d’avance pour toute la durée ; le service commence une fois la facture réglée.",
        "Se factura por adelantado por toda la duración; el servicio comienza cuando la factura está pagada.",
        "Fatturato in anticipo per l’intera durata; il servizio inizia quando la fattura è pagata.",
        "Wordt vooraf voor de hele looptijd gefactureerd; de dienst begint zodra de factuur is betaald.",
    ),
    "quote_postpaid": (
        "Invoiced on the 1st of each month for the month before, the first and the last month by days.",
        "Wird am 1. jedes Monats für den Vormonat berechnet, der erste und der letzte Monat nach Tagen.",
        "Facturé le 1er de chaque mois pour le mois précédent, le premier et le dernier mois au prorata des jours.",
        "Se factura el día 1 de cada mes por el mes anterior; el primer y el último mes, por días.",
        "Fatturato il 1° di ogni mese per il mese precedente; il primo e l’ultimo mese in base ai giorni.",
        "Wordt op de 1e van elke maand gefactureerd over de maand ervoor, de eerste en de laatste maand per dag.",
    ),
    "quote_trial": (
        "Free trial: nothing is billed for the first {days} days.",
        "Kostenlose Testphase: Die ersten {days} Tage werden nicht berechnet.",
        "Essai gratuit : rien n’est facturé pendant les {days} premiers jours.",
        "Prueba gratuita: no se factura nada durante los primeros {days} días.",
        "Prova gratuita: per i primi {days} giorni non si fattura nulla.",
        "Gratis proefperiode: de eerste {days} dagen worden niet gefactureerd.",
    ),
    "quote_holds": (
        "You can order at these prices until {day}, quoting {number}.",
        "Zu diesen Preisen können Sie bis zum {day} unter Angabe von {number} bestellen.",
        "Vous pouvez commander à ces prix jusqu’au {day}, en indiquant {number}.",
        "Puede pedir a estos precios hasta el {day}, indicando {number}.",
        "Può ordinare a questi prezzi fino al {day}, indicando {number}.",
        "U kunt tot en met {day} tegen deze prijzen bestellen, met vermelding van {number}.",
    ),
    "terms_apply": (
        "Terms of use: {terms}.",
        "Nutzungsbedingungen: {terms}.",
        "Conditions d’utilisation : {terms}.",
        "Condiciones de uso: {terms}.",
        "Condizioni d’uso: {terms}.",
        "Gebruiksvoorwaarden: {terms}.",
    ),
    # --- Mails
    "mail_quote_subject": (
        "Quote {number} from {seller}",
        "Angebot {number} von {seller}",
        "Devis {number} de {seller}",
        "Presupuesto {number} de {seller}",
        "Preventivo {number} di {seller}",
        "Offerte {number} van {seller}",
    ),
    "mail_quote_ready": (
        "Your quote {number} is attached. It is valid until {day}.",
        "Ihr Angebot {number} liegt bei. Es gilt bis zum {day}.",
        "Votre devis {number} est joint. Il est valable jusqu’au {day}.",
        "Adjuntamos su presupuesto {number}. Es válido hasta el {day}.",
        "In allegato trova il preventivo {number}, valido fino al {day}.",
        "Bijgaand ontvangt u offerte {number}, geldig tot en met {day}.",
    ),
    "mail_invoice_subject": (
        "Invoice {number} from {seller}",
        "Rechnung {number} von {seller}",
        "Facture {number} de {seller}",
        "Factura {number} de {seller}",
        "Fattura {number} di {seller}",
        "Factuur {number} van {seller}",
    ),
    "mail_invoice_ready": (
        "Your invoice {number} for {period} is attached.",
        "Ihre Rechnung {number} für {period} liegt bei.",
        "Votre facture {number} pour {period} est jointe.",
        "Adjuntamos su factura {number} por {period}.",
        "In allegato trova la fattura {number} per {period}.",
        "Bijgaand ontvangt u factuur {number} over {period}.",
    ),
    "mail_pay": (
        "Please pay {amount} by {day}.",
        "Bitte zahlen Sie {amount} bis {day}.",
        "Merci de régler {amount} au plus tard le {day}.",
        "Pague {amount} hasta el {day}.",
        "La preghiamo di pagare {amount} entro il {day}.",
        "Betaal {amount} uiterlijk op {day}.",
    ),
    "mail_in_your_favour": (
        "{amount} is in your favour.",
        "{amount} sind zu Ihren Gunsten.",
        "{amount} sont en votre faveur.",
        "{amount} a su favor.",
        "{amount} sono a suo favore.",
        "{amount} is in uw voordeel.",
    ),
    "mail_nothing_due": (
        "There is nothing to pay.",
        "Es ist nichts zu zahlen.",
        "Il n’y a rien à payer.",
        "No hay nada que pagar.",
        "Non c’è nulla da pagare.",
        "U hoeft niets te betalen.",
    ),
    "mail_quoting": (
        "How to pay, quoting {number}:",
        "So zahlen Sie, mit der Nummer {number}:",
        "Pour payer, en indiquant {number} :",
        "Cómo pagar, indicando {number}:",
        "Come pagare, indicando {number}:",
        "Zo betaalt u, met vermelding van {number}:",
    ),
    "mail_open_invoice": (
        "Open invoice",
        "Rechnung öffnen",
        "Ouvrir la facture",
        "Abrir la factura",
        "Apri la fattura",
        "Factuur openen",
    ),
    "mail_credit_note_subject": (
        "Credit note {number} from {seller}",
        "Gutschrift {number} von {seller}",
        "Avoir {number} de {seller}",
        "Factura rectificativa {number} de {seller}",
        "Nota di credito {number} di {seller}",
        "Creditnota {number} van {seller}",
    ),
    "mail_credit_note_ready": (
        "{amount} of invoice {invoice} is credited to you. The credit note {number} is attached.",
        "{amount} der Rechnung {invoice} sind Ihnen gutgeschrieben. Die Gutschrift {number} liegt bei.",
        "{amount} de la facture {invoice} vous sont crédités. L’avoir {number} est joint.",
        "Se le abonan {amount} de la factura {invoice}. Adjuntamos la factura rectificativa {number}.",
        "{amount} della fattura {invoice} le sono accreditati. In allegato trova la nota di credito {number}.",
        "{amount} van factuur {invoice} is aan u gecrediteerd. Creditnota {number} is bijgevoegd.",
    ),
}


class Words:
    """The table in one language."""

    def __init__(self, language: str) -> None:
        column = _COLUMNS.index(known_language(language))
        self.language = _COLUMNS[column]
        self._texts = {key: texts[column] for key, texts in _TABLE.items()}

    def __getitem__(self, key: str) -> str:
        return self._texts[key]

    def say(self, key: str, **filled: object) -> str:
        """Return the text with what is filled in."""
        return self._texts[key].format(**filled)

    def unit(self, unit: str, *, is_one: bool) -> str:
        """Return the unit as it stands behind its quantity; one that is the same everywhere, GiB, as it is."""
        if unit not in ("unit", "hour", "month"):
            return unit
        return self._texts[unit].split("|")[0 if is_one else 1]

    def note(self, key: str) -> str:
        """Return why there is no tax, by the key of `taxing.Treatment`; nothing for what is taxed."""
        return self._texts[f"note_{key}"] if key else ""


@lru_cache(maxsize=len(LANGUAGES) * 4)
def words_in(language: str) -> Words:
    """Return the words in ``language`` (de, de-AT), English for one that we do not write in."""
    return Words(language)
